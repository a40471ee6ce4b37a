-- A receiver on libuv, many connections at once:
--   lua5.4 examples/receiver_luv.lua PORT [SECRET…]     without: $WEBHOOK_SECRET, which no list of processes shows
-- PORT 0 takes a free one; the port is printed.
local http = require "webhook.http"
local uv = require "luv"
local webhook = require "webhook"

local maximum, patience = 1048576, 5000 -- ms that a connection may be silent
local receive = webhook.receiver {
  secrets = arg[2] and { table.unpack(arg, 2) } or os.getenv "WEBHOOK_SECRET",
  format = "auto",
  max_bytes = maximum,
  handle = function(event) print("received", event.id, event.format, event.body) end,
  on_error = function(message) print("failed", message) end,
}

local function serve(client)
  local bytes, told, timer = "", false, uv.new_timer()

  local function close()
    if not client:is_closing() then client:close() end
    if not timer:is_closing() then timer:close() end
  end

  local function wait() timer:start(patience, 0, close) end

  -- All requests that are there; false when the connection ends with the last answer.
  local function answer_all()
    while true do
      local request, rest = http.read(bytes, maximum)
      if request == nil then
        if rest and not told then client:write(http.continue) end
        told = rest
        return true
      end
      local keep = request and request.keep
      client:write(request and http.write(request, receive(request)) or http.write(nil, rest))
      if not keep then return false end
      bytes, told = rest, false
    end
  end

  wait()
  client:read_start(function(problem, data)
    if problem or not data then return close() end
    bytes = bytes .. data
    if answer_all() then return wait() end
    client:read_stop()
    client:shutdown(close) -- behind what is still to be written
  end)
end

local server = uv.new_tcp()
assert(server:bind("127.0.0.1", tonumber(arg[1] or 0)))
assert(server:listen(64, function()
  local client = uv.new_tcp()
  server:accept(client)
  serve(client)
end))
io.stdout:setvbuf "line"
print("listening", server:getsockname().port)
uv.run()
