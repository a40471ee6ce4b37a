-- Sends each event to the receiver of its region: one subscription a region, all of them with
-- this rule. What belongs to no region goes to the one that is marked as the rest.
--
--   hooks:subscribe {
--     url = "https://eu.example.com/hooks",
--     events = { "order.*" },
--     metadata = { region = "eu" },
--     rule = <this file>,
--   }
--   hooks:subscribe { url = "https://us.example.com/hooks", …, metadata = { region = "us", rest = true } }

local regions = {
  eu = "AT BE DE DK ES FI FR IE IT NL PL PT SE",
  us = "CA MX US",
}

local address = payload.shipping
local country = type(address) == "table" and address.country or null

local region
for name, countries in pairs(regions) do
  if type(country) == "string" and (" " .. countries .. " "):find(" " .. country .. " ", 1, true) then region = name end
end
if not region then return subscription.meta.rest == true end
return region == subscription.meta.region
