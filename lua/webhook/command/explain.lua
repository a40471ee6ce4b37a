local webhook = require "webhook"

local explain = { words = 2, takes = { "event", "subscription" } }

explain.help = [[
webhook explain EVENT [SUBSCRIPTION] - why did, or did not, a subscription get an event?

  webhook explain msg_…                every subscription of the event's tenant
  webhook explain msg_… sub_…
  webhook explain msg_… --json

Is found again from what is stored, by the subscription's version that decided; the rule
runs again, at the cost that is shown.

  later, tenant, source, type, paused, disabled, expired, filtered   not taken, and why
  dropped, failed                                                    by the rule
  pending, missed                                                    wanted, and no delivery yet, or none made
  waiting, delivered, exhausted, held, cancelled                     the state of its delivery]]

explain.options = {}

local columns = { "subscription", "version", "outcome", "why", "cost" }

local function json(value)
  return value == nil and "null" or webhook.encode(value)
end

local reasons = {
  later = function() return "made after the event" end,
  tenant = function() return "it is for another tenant" end,
  source = function() return "it is for another source" end,
  type = function() return "no pattern of its events fits" end,
  disabled = function(item) return item.reason end,
  expired = function(item) return "at " .. item.expires_at end,
  filtered = function(item) return ("%s: expected %s, found %s"):format(item.path, json(item.expected), json(item.found)) end,
  dropped = function() return "by the rule" end,
  failed = function(item)
    local message = (item.message or ""):gsub("^line %d+: ", "")
    return (item.line and "line " .. item.line .. ": " or "") .. message
  end,
  pending = function() return "was not fanned out yet" end,
  missed = function() return "it wanted the event, and was paused, disabled or over when its turn came" end,
}

-- What its delivery has to say.
local function delivery(item)
  if not item.delivery then return nil end
  local text = ("%s, %d attempts"):format(item.delivery, item.attempts or 0)
  if item.status then text = text .. (", status %d"):format(item.status) end
  if item.error then text = text .. ", " .. item.error end
  return text
end

local function show(item, out)
  if out.json then return out:item(item) end
  out:item({
    subscription = item.subscription, outcome = item.outcome,
    version = item.version and item.version .. (item.present and " (present)" or ""),
    why = reasons[item.outcome] and reasons[item.outcome](item) or delivery(item),
    cost = item.cpu_us and ("%d µs, %d bytes, sends %d"):format(item.cpu_us, item.memory or 0, item.bytes or 0),
  }, columns)
end

function explain.run(_, words, out)
  if not words[1] then error { usage = "explain expects an EVENT; see webhook explain --help" } end
  local hooks <close> = out:open_existing()
  if words[2] then return show(out.check(hooks:explain(words[1], words[2])), out) end
  local page, some = { next = nil }, false
  repeat
    page = out.check(hooks:explain(words[1], nil, { cursor = page.next }))
    for _, item in ipairs(page.items) do show(item, out) end
    some = some or page.items[1] ~= nil
  until not page.next
  if not (some or out.json) then
    local tenant = out.check(hooks:event(words[1])).tenant
    print(tenant == "" and "The event is of no tenant, and no subscription is." or
      ("The event is of the tenant %s, which has no subscription."):format(tenant))
  end
end

return explain
