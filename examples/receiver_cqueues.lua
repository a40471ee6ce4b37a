-- A receiver on cqueues, a coroutine a connection. handle may wait: a repeat that comes in
-- meanwhile is answered with 409.
--   lua5.4 examples/receiver_cqueues.lua PORT [SECRET…]     without: $WEBHOOK_SECRET, which no list of processes shows
-- PORT 0 takes a free one; the port is printed.
local cqueues = require "cqueues"
local http = require "webhook.http"
local socket = require "cqueues.socket"
local webhook = require "webhook"

local maximum = 1048576
local receive = webhook.receiver {
  secrets = arg[2] and { table.unpack(arg, 2) } or os.getenv "WEBHOOK_SECRET",
  format = "auto",
  max_bytes = maximum,
  handle = function(event)
    cqueues.sleep(0.001) -- a database, say
    print("received", event.id, event.format, event.body)
  end,
  on_error = function(message) print("failed", message) end,
}

local function next_request(client, bytes)
  local told = false
  while true do
    local request, rest = http.read(bytes, maximum)
    if request ~= nil then return request, rest end
    if rest and not told then client:write(http.continue) end
    told = told or rest
    local more = client:read(-8192) -- up to so many
    if not more then return nil end
    bytes = bytes .. more
  end
end

local function serve(client)
  local bytes = ""
  client:settimeout(5)
  client:onerror(function(_, _, code) return code end) -- a value, not an error that is raised
  client:setmode("bn", "bn")
  while true do
    local request, rest = next_request(client, bytes)
    if request == nil then return client:close() end
    local keep = request and request.keep
    client:write(request and http.write(request, receive(request)) or http.write(nil, rest))
    if not keep then
      client:shutdown "w"
      return client:close()
    end
    bytes = rest
  end
end

local loop = cqueues.new()
local server = assert(socket.listen("127.0.0.1", tonumber(arg[1] or 0)))
assert(server:listen())
io.stdout:setvbuf "line"
print("listening", (select(3, server:localname())))
loop:wrap(function()
  for client in server:clients() do
    loop:wrap(serve, client)
  end
end)
assert(loop:loop())
