-- For who sends mail: of each contact its address alone, and nothing of those that have none.
--
--   webhook subscriptions add https://mail.example.com/hook --poll crm_contact --source north \
--     --events 'crm_contact.created' --events 'crm_contact.updated' --rule examples/crm/mail.lua

local kept = {}
for _, contact in ipairs(payload) do
  if contact.email and contact.email ~= null then kept[#kept + 1] = { id = contact.id, email = contact.email } end
end
if #kept == 0 then return false end
return kept
