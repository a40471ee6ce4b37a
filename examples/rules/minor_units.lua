-- Money: from minor units as payment systems keep them (1999, "EUR") to what people read
-- ("19.99"), without a float that could be off by a cent.
--
--   hooks:subscribe {
--     url = "https://books.example.com/hooks",
--     events = { "charge.succeeded" },
--     rule = <this file>,
--   }
--
-- How many digits a currency has is its own affair: yen have none, dinars three.

local digits = { JPY = 0, KRW = 0, VND = 0, BHD = 3, KWD = 3, TND = 3 }

local currency = payload.currency:upper()
local count = digits[currency] or 2

local function written(amount)
  amount = math.tointeger(amount) or error "amounts are whole numbers of the minor unit"
  local text = tostring(amount):gsub("^-", "")
  if count > 0 then
    text = ("0"):rep(count + 1 - #text) .. text
    text = text:sub(1, -count - 1) .. "." .. text:sub(-count)
  end
  return (amount < 0 and "-" or "") .. text
end

return merge(payload, {
  currency = currency,
  amount = written(payload.amount),
  fee = payload.fee and payload.fee ~= null and written(payload.fee) or nil,
})
