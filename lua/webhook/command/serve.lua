local core = require "webhook.core"

local serve = { words = 0 }

local COUNT <const> = { 1, 64 }

serve.options = {
  address = "text", port = { 0, 65535 }, threads = { 1, 256 }, workers = COUNT, deliver = "flag", allow = "list", files = "list",
  transport = "text", proxy = "text", open = "flag", forwarded = "text", ["address-connections"] = { 1, 2147483647 }, quiet = "flag", ["log-format"] = "text", ["log-level"] = "text",
}

serve.help = [[
webhook serve - answer the HTTP API and a page in the browser, and deliver, until it is stopped

  webhook serve                                  http://127.0.0.1:8080/ is the page, /v1/… the API
  webhook serve --port 0 --json                  a free port; {"url":…}
  webhook tokens add --tenant acme               what a client needs to get in

Without TLS: leave it on the loopback, or put a reverse proxy before it. Ctrl-C or SIGTERM
finishes what is in flight, a second one does not. A store that another program has locked is
waited for.
  --address IP     to listen at (127.0.0.1)
  --port N         (8080); 0: a free one
  --threads N      threads that answer (16)
  --workers N      threads that deliver (1)
  --no-deliver     only answer: `webhook run` delivers
  --allow RANGE    deliver to this private or local address, too; may be repeated
  --files FOLDER   databases that are files ("sqlite:/path") may be in this folder; may be repeated
  --transport T    auto (the default), or libcurl: for everything, and slower
  --proxy URL      deliveries leave by it, where their subscription has none: http://10.0.0.1:3128
  --forwarded NAME a header in which your proxy puts the client's address
  --address-connections N
                   that one address may have at once (half of all; with --forwarded all)
  --open           ask for no token, of who names the loopback and is no page elsewhere. For development
  --quiet          only errors
  --log-format F  of the log on the standard error: text, logfmt or json (an object a line)
  --log-level L   error, warning, info (the default), or debug, which tells of each attempt]]

local function url_of(address, port)
  return ("http://%s:%d"):format(address:find(":", 1, true) and "[" .. address .. "]" or address, port)
end

function serve.run(values, _, out)
  local address = values.address or "127.0.0.1"
  local hooks <close> = out:open_to_work(values, values.deliver ~= false and (values.workers or 1) or 0)
  out.check(hooks:api { open = values.open or false })
  local server <close> = out.check(hooks:serve {
    address = address, port = values.port or 8080, threads = values.threads, forwarded = values.forwarded,
    address_connections = values["address-connections"],
  })
  out:item({ url = url_of(address, server:port()) }, { "url" })
  io.stdout:flush()
  while not core.wait_signal(1) do
    hooks:idle() -- hands the log's lines over
  end
  server:stop(10000)
  if values.deliver ~= false then out.check(hooks:stop(10000)) end
end

return serve
