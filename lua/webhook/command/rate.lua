-- A rate as a word of the line, of a subscription and of a tenant.
local rate = {}

-- COUNT/SECONDS or COUNT/SECONDS/BURST; what they may be the engine says.
function rate.of(text)
  local count, per, burst = text:match "^(%d+)/(%d+)/(%d+)$"
  if not count then count, per = text:match "^(%d+)/(%d+)$" end
  if not count then error { usage = ("--rate expects COUNT/SECONDS or COUNT/SECONDS/BURST, found %q"):format(text) } end
  return { count = math.tointeger(tonumber(count)), per = math.tointeger(tonumber(per)), burst = burst and math.tointeger(tonumber(burst)) }
end

return rate
