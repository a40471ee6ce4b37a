-- Sends what has changed, and nothing when nothing did that the receiver cares for. The payload
-- has a record before and after: { "before": { … }, "after": { … } }.
--
--   hooks:subscribe {
--     url = "https://crm.example.com/hooks",
--     events = { "customer.updated" },
--     metadata = { ignore = { "updated_at", "last_seen" } },
--     rule = <this file>,
--   }
--
-- Parts are compared by their JSON text, which tostring() gives: equal text is equal, and a list
-- that is merely in another order has changed.

local ignored = {}
for _, name in ipairs(subscription.meta and subscription.meta.ignore or {}) do ignored[name] = true end

local before = payload.before
if before == nil or before == null then before = {} end

local changed, count = {}, 0
for name, value in pairs(payload.after) do
  if not ignored[name] and (type(value) ~= type(before[name]) or tostring(value) ~= tostring(before[name])) then
    changed[name] = value
    count = count + 1
  end
end
for name in pairs(before) do
  if not ignored[name] and payload.after[name] == nil then
    changed[name] = null
    count = count + 1
  end
end
if count == 0 then return false end
return { id = payload.after.id, changed = changed }
