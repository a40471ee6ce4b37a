-- Sends each supplier its own lines of an order, and no order at all that has none.
--
--   hooks:subscribe {
--     url = "https://supplier.example.com/orders",
--     events = { "order.paid" },
--     metadata = { supplier = "acme" },
--     rule = <this file>,
--   }
--
-- The items are parts of the payload: they are copied byte for byte, prices as they were
-- written. array{} says that an empty list would be a list.

local mine = array {}
for _, item in ipairs(payload.items or {}) do
  if item.supplier == subscription.meta.supplier then mine[#mine + 1] = without(item, "margin") end
end
if #mine == 0 then return false end
return merge(only(payload, "id", "shipping"), { items = mine, of = #payload.items })
