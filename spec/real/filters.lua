-- What our filters say, against what filters.mjs has from elsewhere, on standard input.
--   lua5.4 filters.lua
local webhook = require "webhook"

local asked, passed = 0, 0
for line in io.lines() do
  local passes, filters, payload = line:match "^(%a+)\t([^\t]+)\t([^\t]+)$"
  local result = assert(webhook.rule.try({ filters = webhook.raw(filters) }, webhook.raw(payload)))
  asked, passed = asked + 1, passed + (passes == "true" and 1 or 0)
  if (result.outcome == "pass") ~= (passes == "true") then
    error(("%s on %s: expected %s, found %s"):format(filters, payload, passes, result.outcome))
  end
end
assert(asked >= 1000 and passed > asked / 10, "expected at least 1,000, and a tenth that pass")
print(("%d filters say what MongoDB's would, %d of them that it passes"):format(asked, passed))
