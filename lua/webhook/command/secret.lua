local webhook = require "webhook"

local secret = { words = 0 }

secret.options = { pair = "flag" }

secret.help = [[
webhook secret [--pair] - make a secret

  webhook secret            whsec_…, for HMAC-SHA256
  webhook secret --pair     whsk_… to sign and whpk_… to verify, ed25519]]

function secret.run(values, _, out)
  if not values.pair then
    out:item({ secret = webhook.secret() }, { "secret" })
    return
  end
  local private, public = webhook.keypair()
  if out.json then return out:item { secret = private, public_key = public } end
  print(private)
  print(public)
end

return secret
