local options = require "webhook.command.options"

local portal = { words = 0 }

portal.options = { tenant = "text", expires = "text", url = "text", name = "text" }

portal.help = [[
webhook portal --tenant NAME - a link with which a customer sees its own webhooks

  webhook portal --tenant acme                              http://127.0.0.1:8080/#token=wht_…
  webhook portal --tenant acme --expires 8h --url https://hooks.example.com

It opens the page of `webhook serve` with a token of this tenant, which sees nothing of others
and ends by itself. Whoever has the link gets in until then; `webhook tokens revoke` ends it at once.
  --tenant NAME  whose page it is
  --expires TIME after 90s, 30m, 12h or 7d it is refused (1h)
  --url URL      where a browser reaches the server (http://127.0.0.1:8080)
  --name TEXT    to know the token again (portal)]]

local HOUR <const> = 3600000

function portal.run(values, _, out)
  if not values.tenant then error { usage = "portal expects --tenant NAME; see webhook portal --help" } end
  local base = values.url or "http://127.0.0.1:8080"
  if not base:match "^https?://[^?# ]+$" then
    error { usage = ("--url expects http:// or https://, without a query, found %q"):format(base) }
  end
  local expires = values.expires and options.duration("expires", values.expires) or HOUR
  local hooks <close> = out:open()
  local token = out.check(hooks:add_token { tenant = values.tenant, name = values.name or "portal", expires_in = expires })
  out:item({ url = ("%s/#token=%s"):format((base:gsub("/+$", "")), token) }, { "url" })
end

return portal
