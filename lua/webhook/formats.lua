--- What each format that webhook.verify knows calls things, for webhook.receiver: one entry a
--- format, nothing of them anywhere else. Functions see the decoded payload and the headers,
--- whose names are in lower case.
---
---   id      what a repeat is known by: one that is signed. Without one, or where it gives nil, a
---           digest of the body
---   salt    what goes into that digest besides
---   type    the event's type; without one, or where it gives nil, the payload's "type"
---   form    how a body begins that is a form instead of JSON. Not told by Content-Type, which is
---           not signed: another one would give a replay another id
---   encoded secrets are "whsec_…" and its like: "all" of them, or those that "begin" so, others being plain texts
---   alike   signs the same bytes with the same digest as others: what is good for one is for all

local function text(value) return type(value) == "string" and value or nil end

-- A member of a member, or nil where there is none.
local function at(value, ...)
  for _, name in ipairs { ... } do
    if type(value) ~= "table" then return nil end
    value = value[name]
  end
  return text(value)
end

local function joined(a, b) return a and b and a .. "." .. b or a or b end

local function id_of_body(payload) return at(payload, "id") end
local function type_of_body(payload) return at(payload, "type") end

local formats = {
  standard = {
    id = function(_, headers) return text(headers["webhook-id"]) or text(headers["svix-id"]) end,
    encoded = "all",
  },
  unified = {
    id = function(payload) return at(payload, "nonce") end,
    type = function(payload) return joined(at(payload, "webhook", "object_type"), at(payload, "webhook", "event")) end,
  },
  truto = { id = id_of_body, type = function(payload) return at(payload, "event") end, alike = true },
  callfire = {
    type = function(payload) return joined(at(payload, "resourceType"), at(payload, "events", 1, "eventType")) end,
  },
  -- Forms are told from what others sign with a time before the body, which would be rid of it.
  github = {
    type = function(_, headers) return text(headers["x-github-event"]) end,
    form = "^payload=",
    alike = true,
  },
  stripe = { id = id_of_body },
  slack = {
    id = function(payload) return at(payload, "event_id") end,
    salt = function(headers) return "at_" .. headers["x-slack-request-timestamp"] end,
    type = function(payload) return at(payload, "event", "type") end,
    form = "",
  },
  shopify = { type = function(_, headers) return text(headers["x-shopify-topic"]) end, alike = true },
  rfc9421 = { encoded = "begin" },
}

for _, format in next, formats do
  local own = format.type
  format.type = function(payload, headers) return own and own(payload, headers) or type_of_body(payload) end
end

return formats
