local webhook = require "webhook"
local secrets = require "webhook.command.secrets"

local verify = { words = 1 }

verify.options = secrets.options {
  header = "list", tolerance = { -1, math.maxinteger }, format = "text", method = "text", url = "text",
}

verify.help = [[
webhook verify FILE --secret S --header 'webhook-id: …' --header 'webhook-timestamp: …' --header 'webhook-signature: …'

Says whether a request that was received is signed by the secret, and if not, why.
FILE is the raw body; - reads standard input.
  --tolerance S   seconds that its time may be off (300); -1: any
  --format F      whose signature it is: standard (without this), unified, truto, callfire,
                  github, stripe, slack, shopify, rfc9421; auto: told by the headers. The
                  secret is then the text as its sender shows it
  --method M, --url U   of the request, for rfc9421
]] .. secrets.help

function verify.run(values, words, out)
  for _, name in ipairs(words[1] == "-" and values["secret-file"] or {}) do
    if name == "-" then error { usage = "verify reads the standard input once: the body or the secrets" } end
  end
  local given = secrets.read(values, out)
  if not (given and values.header and words[1]) then
    error { usage = "verify expects a FILE, --secret and --header; see webhook verify --help" }
  end
  local headers = {}
  for _, each in ipairs(values.header) do
    local name, value = each:match("^([^:]+):[ \t]*(.*)$")
    if not name then error { usage = ("--header expects 'Name: value', found %q"):format(each) } end
    headers[name] = headers[name] or {}
    table.insert(headers[name], value)
  end
  local ok, format, more = webhook.verify(headers, out.read(words[1]), given, {
    tolerance = values.tolerance, format = values.format, method = values.method, url = values.url,
  })
  if not ok then out.fail(format, more) end
  out:item({ verified = true, format = format, sequence = more }, { "verified" })
end

return verify
