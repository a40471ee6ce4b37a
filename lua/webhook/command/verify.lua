local webhook = require "webhook"

local verify = {}

verify.options = { secret = "list", header = "list", tolerance = "number" }

verify.help = [[
webhook verify FILE --secret S --header 'webhook-id: …' --header 'webhook-timestamp: …' --header 'webhook-signature: …'

Says whether a request that was received is signed by the secret, and if not, why.
FILE is the raw body; - reads standard input.
  --tolerance S   seconds that its time may be off (300); negative: any]]

function verify.run(values, words, out)
  if not (values.secret and values.header and words[1]) then
    error { usage = "verify expects a FILE, --secret and --header; see webhook verify --help" }
  end
  local headers = {}
  for _, each in ipairs(values.header) do
    local name, value = each:match("^([^:]+):%s*(.*)$")
    if not name then error { usage = ("--header expects 'Name: value', found %q"):format(each) } end
    headers[name] = value
  end
  local file = words[1] == "-" and io.stdin or out.check(io.open(words[1], "rb"))
  local ok, message, code = webhook.verify(headers, file:read("a"), values.secret, { tolerance = values.tolerance })
  if not ok then out.fail(message, code) end
  out:item({ verified = true }, { "verified" })
end

return verify
