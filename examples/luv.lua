-- libuv: the engine's descriptor wakes it, a timer looks at the clock. The receiver is a
-- server on the same loop.
local uv = require "luv"
local webhook = require "webhook"

local hooks <close> = assert(webhook.open(":memory:", { allow = { "127.0.0.1" } }))
local received, wanted = 0, 3

-- A receiver, as small as can be: it trusts that each request comes in one piece.
local server = uv.new_tcp()
server:bind("127.0.0.1", 0)
server:listen(16, function()
  local client = uv.new_tcp()
  server:accept(client)
  client:read_start(function(_, data)
    if not data then return client:close() end
    print("received", data:match("\r\n\r\n(.*)$"))
    client:write("HTTP/1.1 204 No Content\r\n\r\n")
    received = received + 1
  end)
end)

assert(hooks:subscribe { url = ("http://127.0.0.1:%d/"):format(server:getsockname().port) })
for i = 1, wanted do
  assert(hooks:publish("order.paid", { id = i }))
end

-- The engine on the loop: a step whenever its descriptor is readable or its deadline has come.
local poll, timer = uv.new_poll(hooks:fd()), uv.new_timer()
local function work()
  local done = assert(hooks:step())
  timer:stop()
  timer:start(done > 0 and 0 or hooks:deadline() or 1000, 0, work)
  if received == wanted and hooks:idle() then uv.stop() end
end
poll:start("r", work)
work()
uv.run()
