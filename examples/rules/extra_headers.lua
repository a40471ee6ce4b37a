-- Says in headers what a gateway in front of the receiver routes by, so that it need not read
-- the body: the kind of event, the tenant, how urgent it is.
--
--   hooks:subscribe {
--     url = "https://gateway.example.com/in",
--     headers = { ["X-Api-Key"] = "…" },        -- the same on every request: no rule needed
--     rule = <this file>,
--   }
--
-- Names that belong to the engine (Host, Content-Type, webhook-id, …) are refused.

local headers = { ["X-Event-Type"] = event.type }
if event.tenant ~= "" then headers["X-Tenant"] = event.tenant end
if payload.priority == "high" or (tonumber(payload.total) or 0) >= 10000 then headers["X-Priority"] = "high" end
return payload, { headers = headers }
