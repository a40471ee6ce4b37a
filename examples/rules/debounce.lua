-- Sends only where things have come to rest: of many changes of one product within ten seconds
-- the receiver gets the last.
--
--   hooks:subscribe {
--     url = "https://search.example.com/index",
--     events = { "product.updated", "product.deleted" },
--     order = "latest",
--     metadata = { rest_ms = 10000 },
--     rule = <this file>,
--   }
--
-- With order "latest" a newer delivery takes the place of one with the same key that still
-- waits. A deletion does not wait: the receiver should not show for ten seconds what is gone.

local options = { key = "product/" .. payload.id }
if event.type ~= "product.deleted" then options.delay = subscription.meta.rest_ms end
return payload, options
