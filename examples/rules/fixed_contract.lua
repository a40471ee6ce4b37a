-- Sends a document of a fixed shape, whatever the payload's own is or becomes: the contract
-- with the receiver. Each member is always there, null where the payload has nothing.
--
--   hooks:subscribe {
--     url = "https://partner.example.com/orders",
--     events = { "order.created", "order.paid" },
--     on_rule_error = "hold",
--     rule = <this file>,
--   }
--
-- What the contract needs and the payload lacks is an error; the delivery is held until the
-- rule has been mended, and is then made with the new one.

local function need(name, kind)
  local value = payload[name]
  if type(value) ~= kind then error(("the contract needs %s, a %s; found %s"):format(name, kind, type(value)), 0) end
  return value
end

local function present(value)
  if value == nil then return null end
  return value
end

local customer = payload.customer
if type(customer) ~= "table" then customer = {} end

local lines = array {}
for i, item in ipairs(payload.items or {}) do
  lines[i] = { sku = item.sku, quantity = item.quantity or 1, price = present(item.price) }
end

return {
  contract = 2,
  kind = event.type:match "%.(.*)$",
  order_id = need("id", "number"),
  total = need("total", "number"),
  email = present(customer.email),
  lines = lines,
}
