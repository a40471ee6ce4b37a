-- A receiver on LuaSocket, for specs: an HTTP server that we did not write the sockets of.
local socket = require "socket"

local receiver = {}
receiver.__index = receiver

--- One that listens on a free port of loopback.
function receiver.new()
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  return setmetatable({ server = server, url = ("http://127.0.0.1:%d/"):format(port) }, receiver)
end

local function read(client)
  local request = { headers = {} }
  request.method, request.path = assert(client:receive("*l")):match("^(%u+) (%S+)")
  for line in function() return assert(client:receive("*l")) end do
    if line == "" then break end
    local name, value = line:match("^([^:]+):%s*(.*)$")
    request.headers[name:lower()] = value
  end
  request.body = assert(client:receive(tonumber(request.headers["content-length"])))
  return request
end

--- Waits for one request on a connection of its own, answers it and gives it as a table.
function receiver:take(status)
  self.server:settimeout(10)
  local client = assert(self.server:accept())
  client:settimeout(10)
  local request = read(client)
  client:send(("HTTP/1.1 %d Answer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"):format(status or 204))
  client:close()
  return request
end

function receiver:close() self.server:close() end

return receiver
