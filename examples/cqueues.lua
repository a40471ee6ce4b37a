-- cqueues: the engine is a pollable object, so a coroutine waits for it as for a socket.
local cqueues = require "cqueues"
local core = require "webhook.core"
local webhook = require "webhook"

local hooks <close> = assert(webhook.open(":memory:", { allow = { "127.0.0.1" } }))
local receiver = assert(core.listener(0))
local loop, received, wanted = cqueues.new(), 0, 3

assert(hooks:subscribe { url = ("http://127.0.0.1:%d/"):format(receiver:port()) })

loop:wrap(function() -- the engine
  local pollable = hooks:pollable()
  while received < wanted or not hooks:idle() do
    if assert(hooks:step()) == 0 then cqueues.poll(pollable) end
  end
end)

loop:wrap(function() -- the program
  for i = 1, wanted do
    assert(hooks:publish("order.paid", { id = i }))
    cqueues.sleep(0.01)
  end
end)

loop:wrap(function() -- the receiver
  while received < wanted do
    local request = receiver:next(0)
    if request then
      print("received", request.body)
      receiver:respond(request.connection, 204)
      received = received + 1
    else
      cqueues.sleep(0.005)
    end
  end
end)

assert(loop:loop())
receiver:close()
