-- The engine's side of signatures.mjs: a subscription for each form, one event for all.
--   lua5.4 signatures.lua STORE PORT
local webhook = require "webhook"

local store, port = arg[1], arg[2]
local hooks <close> = assert(webhook.open(store, { allow = { "127.0.0.1" } }))

-- What these products send beside their signatures, the same with each request.
local headers = {
  shopify = { ["X-Shopify-API-Version"] = "2025-01", ["X-Shopify-Shop-Domain"] = "shop.myshopify.com" },
}
local secrets = {
  github = { "It's a Secret to Everybody" }, shopify = { "hush" }, slack = { "8f742231b10e8888abcd99yyyzzz85a5" },
  stripe = { "whsec_test_secret", "whsec_another" },
}

for name, list in pairs(secrets) do
  assert(hooks:subscribe { url = ("http://127.0.0.1:%s/%s"):format(port, name), signature = name, secrets = list,
    headers = headers[name] })
end
assert(hooks:publish("push", webhook.raw '{"zen":"Keep it logically awesome — ö","n":1.10}'))
assert(hooks:run())
for delivery in hooks:deliveries() do
  assert(delivery.state == "delivered", delivery.id .. " is " .. delivery.state)
end
