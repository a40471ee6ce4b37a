package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

local function curl(line)
  local code, output, complaint = shell.run("curl -sS -m 30 " .. line)
  assert(code == 0, complaint)
  return output
end

local function status(line) return curl("-o /dev/null -w '%{http_code}' " .. line) end

describe("the HTTP API as a function", function()
  local hooks

  before_each(function() hooks = assert(webhook.open ":memory:") end)
  after_each(function() hooks:close() end)

  local function bearer(token) return { Authorization = "Bearer " .. token } end

  it("answers with a status, headers and a body", function()
    local code, headers, body = hooks:handle { path = "/openapi.json" }
    assert.equal(200, code)
    assert.matches("^application/json", headers["Content-Type"])
    assert.matches("^3%.1", assert(webhook.decode(body)).openapi)
    assert.equal(404, (hooks:handle { path = "/nowhere", tenant = "acme" }))
  end)

  it("lets in who has a token, or whom the caller vouches for", function()
    local code, headers = hooks:handle { path = "/v1/subscriptions" }
    assert.equal(401, code)
    assert.is_string(headers["WWW-Authenticate"])
    local token = assert(hooks:add_token { tenant = "acme" })
    assert.equal(200, (hooks:handle { path = "/v1/subscriptions", headers = bearer(token) }))
    assert.equal(200, (hooks:handle { path = "/v1/subscriptions", tenant = "acme" }))
    assert.is_true(hooks:revoke_token(hooks:tokens()[1].id))
    assert.equal(401, (hooks:handle { path = "/v1/subscriptions", headers = bearer(token) }))
  end)

  it("refuses a token that has ended", function()
    local token = assert(hooks:add_token { tenant = "acme", expires_in = 3600000 })
    assert.equal(200, (hooks:handle { path = "/v1/me", headers = bearer(token) }))
    local listed = hooks:tokens()[1]
    assert.is_false(listed.expired)
    assert.matches("^20%d%d%-", listed.expires_at)
    local short = assert(hooks:add_token { tenant = "acme", expires_in = 1 })
    for _ = 1, 100000 do
      if hooks:handle { path = "/v1/me", headers = bearer(short) } == 401 then break end
    end
    local code, _, body = hooks:handle { path = "/v1/me", headers = bearer(short) }
    assert.same({ 401, "the token has expired" }, { code, assert(webhook.decode(body)).error.message })
    local _, message = hooks:add_token { expires_in = -1 }
    assert.matches("^expires_in: expected", message)
  end)

  it("has a page in the browser", function()
    local code, headers, body = hooks:handle { path = "/" }
    assert.equal(200, code)
    assert.matches("^<!doctype html>", body)
    assert.matches("script%-src 'self'", headers["Content-Security-Policy"])
    assert.equal(304, (hooks:handle { path = "/", headers = { ["if-none-match"] = headers.ETag } }))
  end)

  it("publishes, and shows each tenant its own", function()
    local request = { method = "POST", path = "/v1/events", tenant = "acme", body = '{"type":"a.b","payload":{"n":9007199254740993}}' }
    local code, _, body = hooks:handle(request)
    assert.is_true(code >= 200 and code < 300, body)
    local id = assert(webhook.decode(body)).id
    assert.equal('{"n":9007199254740993}', hooks:payload(id))
    assert.equal("acme", hooks:event(id).tenant)
    assert.equal(200, (hooks:handle { path = "/v1/events/" .. id, tenant = "acme" }))
    assert.equal(404, (hooks:handle { path = "/v1/events/" .. id, tenant = "rival" }))
  end)

  it("reads a query behind the path, and headers that come twice", function()
    local code, _, body = hooks:handle { path = "/v1/events?limit=0", tenant = "acme" }
    assert.equal(400, code)
    assert.matches("limit", body)
    assert.equal(200, (hooks:handle { path = "/v1/events", query = "limit=1", tenant = "acme", headers = { ["X-Two"] = { "a", "b" } } }))
  end)

  it("refuses what is wrong as written", function()
    local function refuses(request, part)
      local ok, message = pcall(hooks.handle, hooks, request)
      assert.is_false(ok)
      assert.matches(part, message, 1, true)
    end
    refuses(nil, "request: expected a table")
    refuses({ verb = "GET" }, "unknown name 'verb'")
    refuses({ method = 1 }, "method")
    refuses({ headers = "a" }, "headers: expected a table")
    refuses({ headers = { A = 1 } }, "A: expected a string")
    refuses({ headers = { A = { 1 } } }, "A")
    refuses({ headers = { "a" } }, "headers")
    refuses({ body = {} }, "body")
    local ok, message = pcall(hooks.api, hooks, { openn = true })
    assert.is_false(ok)
    assert.matches("unknown name 'openn'", message, 1, true)
  end)

  it("keeps to its options", function()
    assert.is_true(hooks:api { open = true, body_bytes = 100 })
    assert.equal(200, (hooks:handle { path = "/v1/subscriptions" }))
    assert.equal(413, (hooks:handle { method = "POST", path = "/v1/events", body = (" "):rep(101) }))
    assert.is_true(hooks:api { failures = 2 })
    local function login() return (hooks:handle { path = "/v1/subscriptions", peer = "192.0.2.1", headers = bearer "wht_wrong" }) end
    assert.same({ 401, 401, 429 }, { login(), login(), login() })
  end)
end)

describe("a server", function()
  local hooks

  before_each(function() hooks = assert(webhook.open(":memory:")) end)
  after_each(function()
    hooks:close()
    shell.clean()
  end)

  it("answers on a port until it is stopped", function()
    assert.is_true(hooks:api { open = true })
    local server <close> = assert(hooks:serve { threads = 2 })
    local url = "http://127.0.0.1:" .. server:port()
    assert.matches("webhook.server %(port %d+%)", tostring(server))
    assert.equal("200", status(url .. "/openapi.json"))
    local made = assert(webhook.decode(curl(("-d '{\"type\":\"a.b\",\"payload\":{}}' -H 'Content-Type: application/json' %s/v1/events"):format(url))))
    assert.is_table(hooks:event(made.id))
    assert.equal("404", status(url .. "/v1/events/nothing"))
    local head = curl(("-I %s/openapi.json"):format(url))
    assert.matches("^HTTP/1.1 200", head)
    assert.matches("Content%-Length: %d%d%d", head)
    assert.equal("200200", curl(("-o /dev/null -o /dev/null -w '%%{http_code}' %s/openapi.json %s/openapi.json"):format(url, url)))
    local _, message, code = hooks:api { open = true }
    assert.equal("conflict", code)
    assert.matches("stop it first", message)
    assert.is_true(server:stop(1000))
    assert.is_true(server:stop())
    assert.equal("webhook.server (stopped)", tostring(server))
    assert.has_error(function() server:port() end, "the server is stopped")
    assert.not_equal(0, (shell.run("curl -s -m 5 " .. url)))
  end)

  it("is stopped when its engine is closed, and keeps that alive", function()
    local server = assert(hooks:serve())
    hooks:close()
    assert.equal("webhook.server (stopped)", tostring(server))
    server = assert((assert(webhook.open ":memory:")):serve())
    collectgarbage()
    collectgarbage()
    assert.equal("200", status(("http://127.0.0.1:%d/openapi.json"):format(server:port())))
    server = nil
    collectgarbage()
    collectgarbage()
  end)

  it("says what it cannot do", function()
    local server <close> = assert(hooks:serve())
    local _, message, code = hooks:serve { port = server:port() }
    assert.equal("io", code)
    assert.matches("in use", message)
    _, message, code = hooks:serve { address = "localhost" }
    assert.equal("invalid", code)
    assert.matches("address: expected an IPv4 or IPv6 address", message)
    _, message, code = hooks:serve { port = 70000 }
    assert.equal("invalid", code)
    assert.matches("port", message)
    assert.has_error(function() hooks:serve { adress = "::1" } end)
  end)
end)

describe("the command", function()
  local store

  local function run(words) return shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words))) end

  local function json(words)
    local code, output, complaint = run(words .. " --json")
    assert.equal("", complaint)
    assert.equal(0, code)
    local documents = {}
    for line in output:gmatch("[^\n]+") do documents[#documents + 1] = assert(webhook.decode(line)) end
    return documents
  end

  local function serve(words)
    local server = shell.start(("env WEBHOOK_STORE='%s' %s"):format(store, shell.webhook("serve --port 0 " .. words)))
    return server, server.wait_for("(http://%S+)")
  end

  before_each(function() store = shell.file(".db") end)
  after_each(shell.clean)

  it("serves the API and delivers, until it is told to stop", function()
    local receiver = shell.start(shell.webhook "listen --port 0")
    local hook = receiver.wait_for("(http://%S+)")
    local token = json("tokens add --tenant acme --name ci")[1].token
    local server, url = serve "--allow 127.0.0.1 --workers 2"
    local auth = ("-H 'Authorization: Bearer %s' -H 'Content-Type: application/json'"):format(token)
    assert.equal("401", status(url .. "/v1/subscriptions"))
    local made = assert(webhook.decode(curl(("%s -d '{\"url\":\"%s\"}' %s/v1/subscriptions"):format(auth, hook, url))))
    assert.equal("acme", made.tenant)
    curl(("%s -d '{\"type\":\"order.paid\",\"payload\":{\"id\":7}}' %s/v1/events"):format(auth, url))
    receiver.wait_for('{"id":7}')
    assert.is_true(server.stop "INT")
    assert.equal("delivered", json("deliveries")[1].state)
  end)

  it("only answers when it is told not to deliver, and asks nobody when it is open", function()
    local server, url = serve "--no-deliver --open"
    assert.equal("200", status(url .. "/v1/subscriptions"))
    assert.is_true(server.stop "TERM")
    local code, _, complaint = run "serve --address nowhere"
    assert.equal(1, code)
    assert.matches("address: expected an IPv4 or IPv6 address", complaint)
  end)

  it("lets an address have as many connections as it is told", function()
    local server, url = serve "--no-deliver --open --address-connections 1"
    assert.equal("200", status(url .. "/v1/subscriptions"))
    assert.is_true(server.stop "TERM")
    local code, _, complaint = run "serve --port 0 --address-connections 2000000000" -- which the server itself refuses
    assert.equal(1, code)
    assert.matches("address_connections: expected", complaint)
    code, _, complaint = run "serve --address-connections 0"
    assert.equal(2, code)
    assert.matches("address%-connections", complaint)
  end)

  it("makes, lists and revokes tokens", function()
    local token = json("tokens add --tenant acme --name ci")[1].token
    json "tokens add"
    assert.matches("^wht_", token)
    assert.equal(2, #json "tokens")
    local mine = json "tokens --tenant acme"
    assert.equal(1, #mine)
    assert.equal("ci", mine[1].name)
    local file <close> = assert(io.open(store, "rb"))
    assert.is_nil(file:read("a"):find(token:match "_(%x+)$", 1, true), "the token is in the store")
    local server, url = serve "--no-deliver"
    local line = ("-H 'Authorization: Bearer %s' %s/v1/subscriptions"):format(token, url)
    assert.equal("200", status(line))
    assert.equal(0, (run("tokens revoke " .. mine[1].id)))
    for _ = 1, 100 do
      if status(line) == "401" then break end
    end
    assert.equal("401", status(line))
    assert.is_true(server.stop())
    assert.equal(1, (run "tokens revoke tok_0"))
    assert.equal(2, (run "tokens revoke"))
    assert.equal(2, (run "tokens paint"))
  end)

  it("makes the secret of a tenant once, or takes it from standard input", function()
    local made = json("tenant-secret acme")[1].secret
    assert.equal(made, json("tenant-secret acme")[1].secret)
    local line = ("echo a-secret-of-theirs | WEBHOOK_STORE='%s' %s"):format(store, shell.webhook "tenant-secret acme --set")
    assert.equal("a-secret-of-theirs\n", select(2, shell.run(line)))
    assert.equal("a-secret-of-theirs", json("tenant-secret acme")[1].secret)
    assert.equal("another\n", select(2, shell.run((line:gsub("echo a%-secret%-of%-theirs", "printf '\\357\\273\\277another\\r\\n'")))))
    assert.equal(2, (run "tenant-secret"))
    assert.equal(2, (run "tenant-secret acme --set"))
  end)

  it("makes a customer's link that ends", function()
    local url = json("portal --tenant acme --expires 2h --url https://hooks.example/w/")[1].url
    local token = url:match "^https://hooks%.example/w/#token=(wht_%x+_%x+)$"
    assert.is_string(token)
    local listed = json("tokens --tenant acme")[1]
    assert.same({ "portal", false }, { listed.name, listed.expired })
    assert.matches("^20%d%d%-", listed.expires_at)
    local server, base = serve "--no-deliver"
    assert.equal("200", status(base .. "/"))
    assert.equal("200", status(("-H 'Authorization: Bearer %s' %s/v1/me"):format(token, base)))
    assert.equal("403", status(("-H 'Authorization: Bearer %s' %s/v1/stats"):format(token, base)))
    assert.is_true(server.stop())
    assert.matches("^http://127%.0%.0%.1:8080/#token=wht_", json("portal --tenant acme")[1].url)
    assert.equal(2, (run "portal"))
    assert.equal(2, (run "portal --tenant acme --url javascript:x"))
    assert.equal(2, (run "portal --tenant acme --expires soon"))
    assert.equal(2, (run "tokens add --expires soon"))
    json "tokens add --tenant b --expires 30d"
    assert.is_string(json("tokens --tenant b")[1].expires_at)
  end)

  it("knows sources, keys, orders and profiles", function()
    local added = json("subscriptions add https://example.com/ --source shop --order key --profile callfire" ..
      " --single-use --expires-at 2100-01-01T00:00:00Z --details '{\"resource\":\"LowBalance\"}'")[1]
    assert.same({ "shop", "key", "callfire", true, "2100-01-01T00:00:00.000Z", { resource = "LowBalance" } },
      { added.source, added.order, added.profile, added.single_use, added.expires_at, added.details })
    json("publish a.b --source shop --key k1 " .. shell.write "{}")
    local event = json("events")[1]
    assert.same({ "shop", "k1" }, { event.source, event.key })
    assert.is_nil(json("subscriptions update " .. added.id .. " --source '' --no-single-use")[1].source)
  end)

  it("explains each of its new words", function()
    for _, name in ipairs { "serve", "tokens", "portal", "tenant-secret" } do
      local code, help = run(name .. " --help")
      assert.equal(0, code)
      assert.matches("^webhook " .. name:gsub("%-", "%%-"), help)
    end
  end)
end)
