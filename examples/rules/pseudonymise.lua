-- Sends names that tell one person from another, but not who it is: hash() is keyed by the
-- subscription's secret, so a receiver cannot try addresses out, and two receivers cannot
-- compare theirs.
--
--   hooks:subscribe {
--     url = "https://statistics.example.com/hooks",
--     events = { "visit.*", "order.*" },
--     rule = <this file>,
--   }
--
-- The same person has the same name as long as the first secret stays; after a rotation
-- everybody has a new one.

local email = payload.email
if type(email) ~= "string" then return false end

return {
  person = hash(email:lower()),
  kind = event.type,
  total = payload.total,
  day = event.time // 86400000,
}
