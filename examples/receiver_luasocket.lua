-- A receiver on LuaSocket alone, many connections at once:
--   lua5.4 examples/receiver_luasocket.lua PORT [SECRET…]     without: $WEBHOOK_SECRET, which no list of processes shows
-- PORT 0 takes a free one; the port is printed.
local http = require "webhook.http"
local socket = require "socket"
local webhook = require "webhook"

local maximum = 1048576
local receive = webhook.receiver {
  secrets = arg[2] and { table.unpack(arg, 2) } or os.getenv "WEBHOOK_SECRET",
  format = "auto",
  max_bytes = maximum,
  handle = function(event) print("received", event.id, event.format, event.body) end,
  on_error = function(message) print("failed", message) end,
}

local clients, patience = {}, 5 -- s that a connection may be silent

local function close(client)
  clients[client] = nil
  client:close()
end

-- Answers are small: they are waited for.
local function send(client, answer)
  client:settimeout(patience)
  return client:send(answer)
end

-- All requests that are there; false when the connection is to end.
local function answer_all(client, state)
  while true do
    local request, rest = http.read(state.bytes, maximum)
    if request == nil then
      if rest and not state.told then send(client, http.continue) end
      state.told = rest
      return true
    end
    local keep = request and request.keep
    local sent = send(client, request and http.write(request, receive(request)) or http.write(nil, rest))
    if not (sent and keep) then return false end
    state.bytes, state.told = rest, false
  end
end

local function serve(client, state)
  client:settimeout(0)
  local all, why, part = client:receive(65536)
  state.bytes, state.heard = state.bytes .. (all or part or ""), socket.gettime()
  if not answer_all(client, state) or why == "closed" then close(client) end
end

local server = assert(socket.bind("127.0.0.1", tonumber(arg[1] or 0)))
server:settimeout(0)
io.stdout:setvbuf "line"
print("listening", (select(2, server:getsockname())))
while true do
  local waiting = { server }
  for client, state in pairs(clients) do
    if socket.gettime() - state.heard > patience then
      close(client)
    else
      waiting[#waiting + 1] = client
    end
  end
  for _, ready in ipairs((socket.select(waiting, nil, 1))) do
    if ready ~= server then
      serve(ready, clients[ready])
    else
      local client = server:accept()
      if client then clients[client] = { bytes = "", heard = socket.gettime() } end
    end
  end
end
