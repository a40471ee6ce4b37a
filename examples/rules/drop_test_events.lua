-- Keeps what is only a test away from a receiver that acts on what it gets.
--
--   hooks:subscribe {
--     url = "https://erp.example.com/hooks",
--     events = { "invoice.*", "customer.*" },
--     rule = <this file>,
--   }
--
-- A test is what says so itself (livemode is false), what a person marked (metadata.test), and
-- what is about an address that can belong to nobody.

if payload.livemode == false then return false end

local metadata = payload.metadata
if metadata and metadata ~= null and metadata.test then return false end

local email = payload.email
if type(email) == "string" then
  local domain = email:lower():match "@([^@]+)$"
  if domain == "example.com" or domain == "example.org" then return false end
end

return true
