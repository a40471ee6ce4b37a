local options = require "webhook.command.options"

local tokens = { words = 2 }

tokens.options = { tenant = "text", name = "text", expires = "text" }

tokens.help = [[
webhook tokens [list | add | revoke ID] - who may use the HTTP API

  webhook tokens add --tenant acme --name ci     prints the token, once: the store keeps a hash
  webhook tokens --tenant acme
  webhook tokens revoke tok_…

A client shows it as `Authorization: Bearer wht_…`, or as the password of Basic. The id of
wht_1a2b_… is tok_1a2b.
  --tenant NAME  it reaches this tenant alone; without, it is an operator's and reaches all
  --name TEXT    to know it again
  --expires TIME after 90s, 30m, 12h or 7d it is refused; without, it has no end]]

local actions = {}

function actions.list(hooks, values, _, out)
  local list = out.check(hooks:tokens(values.tenant))
  for _, each in ipairs(list) do out:item(each, { "id", "tenant", "name", "created_at", "expires_at", "expired" }) end
  if not list[1] then out:note("no such tokens in the store %s", out.store) end
end

function actions.add(hooks, values, _, out)
  local token = out.check(hooks:add_token {
    tenant = values.tenant, name = values.name, expires_in = values.expires and options.duration("expires", values.expires),
  })
  out:item({ token = token }, { "token" })
end

function actions.revoke(hooks, _, id, out)
  if not id then error { usage = "tokens revoke expects an ID; see webhook tokens --help" } end
  out.check(hooks:revoke_token(id))
end

function tokens.run(values, words, out)
  local name = words[1] or "list"
  local action = actions[name]
  if not action then error { usage = ("tokens has no %q; see webhook tokens --help"):format(name) } end
  if words[2] and name ~= "revoke" then error { usage = ("tokens %s: unexpected word %q"):format(name, words[2]) } end
  local hooks <close> = name == "add" and out:open() or out:open_existing()
  return action(hooks, values, words[2], out)
end

return tokens
