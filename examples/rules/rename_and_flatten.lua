-- Speaks the receiver's language: its names, and no nesting, for a sheet or a table of columns.
-- {"customer":{"name":"Ada"},"items":[{"sku":"A"}]} becomes
-- {"customer_name":"Ada","items_1_sku":"A"}.
--
--   hooks:subscribe {
--     url = "https://sheets.example.com/append",
--     events = { "order.paid" },
--     metadata = { rename = { customer_name = "client", id = "order_no" } },
--     rule = <this file>,
--   }

local rename = subscription.meta and subscription.meta.rename or {}
local flat = {}

local function put(name, value)
  if type(value) ~= "table" then
    flat[rename[name] or name] = value
    return
  end
  for key, each in pairs(value) do
    put(name == "" and key or name .. "_" .. key, each)
  end
end

put("", payload)
return object(flat)
