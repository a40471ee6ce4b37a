-- What happens to one order arrives in the order in which it happened; different orders do not
-- wait for each other.
--
--   hooks:subscribe {
--     url = "https://warehouse.example.com/hooks",
--     events = { "order.*", "shipment.*" },
--     order = "key",
--     rule = <this file>,
--   }
--
-- The key is what has to stay in order. Orders and shipments name the same thing differently.

local id = matches(event.type, "shipment.*") and payload.order_id or payload.id
if id == nil or id == null then return payload end -- nothing to keep in order
return payload, { key = "order/" .. id }
