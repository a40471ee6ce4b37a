-- engine.lua STORE MS - the engine's process of day.py, which kills it. Its clock stands at MS until a line of its input
-- has another time; then it reads and delivers until nothing is left to be done at that time, and says so.
local webhook = require "webhook"

local clock = webhook.clock(math.tointeger(tonumber(arg[2])))
local hooks = assert(webhook.open(arg[1], { allow = { "127.0.0.1" }, clock = clock }))
local server = assert(hooks:serve { port = 0 })

local core = require "webhook.core"

local NAP <const> = 0.001
local PAUSE <const>, PATIENCE <const> = 0.02, 100 -- seconds: that somebody is dead is told by the machine's own time

-- Each has been read since then, and nothing waits: what a process that was killed has left is taken over by and by.
local function is_settled(since)
  for each in hooks:subscriptions() do
    if each.waiting > 0 or (each.polled and (each.polled.checked_at == webhook.null or each.polled.checked_at < since)) then
      return false
    end
  end
  return hooks:idle()
end

-- ms: first as far as others leave a reading to its owner, then slowly, so that there are some left.
local function step(waits) return waits <= 3 and 5000 or 100 end

local function settle(ms)
  local since, last, waits = os.date("!%Y-%m-%dT%H:%M:%S", ms // 1000), core.monotonic() + PATIENCE, 0
  assert(hooks:run())
  repeat
    while not hooks:idle() do
      assert(hooks:step())
      core.wait_signal(NAP)
      if core.monotonic() > last then error "it does not settle" end
    end
    local done = is_settled(since)
    if not done then
      waits = waits + 1
      print "waits"
      io.stdout:flush()
      assert(hooks:step())
      core.wait_signal(PAUSE)
      clock:advance(step(waits))
      if core.monotonic() > last then error "it does not settle" end
    end
  until done
end

print(server:port())
io.stdout:flush()
for line in io.lines() do
  local ms = math.tointeger(tonumber(line))
  clock:set(math.max(ms, clock:now()))
  settle(ms)
  print "done"
  io.stdout:flush()
end
