-- Sends what is large enough, and says how far above the line it is.
--
--   hooks:subscribe {
--     url = "https://example.com/large-orders",
--     events = { "order.paid" },
--     metadata = { minimum = 1000 },
--     rule = <this file>,
--   }
--
-- The line is in the subscription's metadata, so one rule serves any number of subscriptions,
-- and the rule need not change when the line does. A payload without a total is an error of
-- the rule, not a silent no: on_rule_error says what becomes of it.

local total = tonumber(payload.total) or error("payload.total is missing, or no number")
if total < subscription.meta.minimum then return false end
return merge(payload, { above = total - subscription.meta.minimum })
