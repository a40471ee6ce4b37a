--- How a receiver is reached: the members auth, tls, proxy, content_type and compress, in Lua, over HTTP, in the command.

package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

local MASK = "********"
local URL = "https://receiver.example/hook"

describe("a receiver behind a login", function()
  after_each(shell.clean)

  it("is said in Lua, and its secrets are not told again", function()
    local hooks <close> = assert(webhook.open ":memory:")
    local made = assert(hooks:subscribe { url = URL, auth = { type = "bearer", token = "s3cr3t" },
      proxy = { url = "http://proxy.example:3128", username = "u", password = "s3cr3t" }, compress = "gzip",
      content_type = "application/vnd.shop+json" })
    local found = assert(hooks:subscription(made.id))
    assert.same({ type = "bearer", token = MASK }, found.auth)
    assert.same({ url = "http://proxy.example:3128", username = "u", password = MASK }, found.proxy)
    assert.equal("gzip", found.compress)
    assert.equal("application/vnd.shop+json", found.content_type)
    assert(hooks:update(made.id, { auth = found.auth, name = "kept" }))
    local _, message, code = hooks:update(made.id, { url = "https://other.example/" })
    assert.equal("invalid", code)
    assert.matches("^url: leads to another host", message)
    _, message = hooks:subscribe { url = URL, auth = { type = "basic", username = "a:b", password = "s3cr3t" } }
    assert.matches("^auth.username: ", message)
    assert.falsy(message:find("s3cr3t", 1, true))
  end)

  it("is said over HTTP", function()
    local hooks <close> = assert(webhook.open ":memory:")
    local function call(method, path, document)
      local status, _, body = hooks:handle { method = method, path = path, tenant = "acme",
        headers = { ["Content-Type"] = "application/json" }, body = document and webhook.encode(document) }
      return status, body ~= "" and webhook.decode(body) or nil, body
    end
    local status, made, text = call("POST", "/v1/subscriptions", { url = URL,
      auth = { type = "headers", headers = { ["X-Api-Key"] = "s3cr3t" } }, tls = { pin = "sha256//" .. ("A"):rep(43) .. "=" } })
    assert.equal(201, status)
    assert.same({ ["X-Api-Key"] = MASK }, made.auth.headers)
    assert.falsy(text:find("s3cr3t", 1, true))
    status, made = call("PATCH", "/v1/subscriptions/" .. made.id, { auth = { type = "oauth2" } })
    assert.equal(400, status)
    assert.equal("auth.token_url", made.error.field)
  end)

  it("is said in the command", function()
    local store = shell.file ".db"
    local function json(words)
      local code, output, complaint = shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words .. " --json")))
      assert.equal("", complaint)
      assert.equal(0, code)
      return assert(webhook.decode(output))
    end
    local auth = shell.write '{"type":"basic","username":"u","password":"s3cr3t"}'
    local made = json(("subscriptions add %s --auth @%s --proxy socks5://127.0.0.1:1080 --compress gzip"):format(URL, auth))
    assert.same({ type = "basic", username = "u", password = MASK }, made.auth)
    assert.same({ url = "socks5://127.0.0.1:1080" }, made.proxy)
    made = json(("subscriptions update %s --auth '' --proxy '' --compress '' --content-type text/plain"):format(made.id))
    assert.falsy(made.auth)
    assert.falsy(made.proxy)
    assert.falsy(made.compress)
    assert.equal("text/plain", made.content_type)
  end)

  it("gets signatures of a form, which the same form verifies", function()
    local form = { signed = "{id}.{body}", encoding = "base64", headers = { ["X-Acme"] = "v1:{signature}", ["X-Acme-Id"] = "{id}" } }
    local hooks <close> = assert(webhook.open ":memory:")
    local made = assert(hooks:subscribe { url = URL, signature = form, secrets = { "any text" } })
    assert.same(form, assert(hooks:subscription(made.id)).signature)
    assert.equal("stripe", assert(hooks:update(made.id, { signature = "stripe" })).signature)
    local _, message = hooks:update(made.id, { signature = webhook.null })
    assert.matches("^secrets", message)
    _, message = hooks:subscribe { url = URL, signature = { signed = "{id}" } }
    assert.matches("^signature.signed: expected {body}", message)
    local headers = { ["X-Hub-Signature-256"] = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" }
    local options = { signature = '{"signed":"{body}","headers":{"X-Hub-Signature-256":"sha256={signature}"}}' }
    assert.is_true((webhook.verify(headers, "Hello, World!", "It's a Secret to Everybody", options)))
    local ok, _, code = webhook.verify(headers, "Hello, World?", "It's a Secret to Everybody", options)
    assert.is_nil(ok)
    assert.equal("signature_mismatch", code)
  end)

  it("fetches what waits, and acknowledges it by the next cursor, in Lua, over HTTP, in the command", function()
    local store = shell.file ".db"
    local hooks = assert(webhook.open(store))
    local id = assert(hooks:subscribe { url = "poll:", tenant = "acme" }).id
    local secret = hooks:secrets(id).secrets
    for n = 1, 4 do assert(hooks:publish("order.paid", { n = n }, { tenant = "acme" })) end
    assert(hooks:run())
    local page = assert(hooks:fetch(id, { limit = 2 }))
    assert.equal('{"n":1}', page.items[1].body)
    assert.is_true((webhook.verify(page.items[2].headers, page.items[2].body, secret)))
    local path = "/v1/subscriptions/" .. id .. "/poll?limit=1&wait=10&cursor=" .. page.cursor
    assert.equal(404, (hooks:handle { path = path, tenant = "other" }))
    local status, _, body = hooks:handle { path = path, tenant = "acme" }
    assert.equal(200, status)
    local third = webhook.decode(body)
    assert.equal('{"n":3}', third.items[1].body)
    assert.equal(1, #third.items)
    hooks:close()
    local code, output = shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(("poll %s --cursor %s"):format(id, third.cursor))))
    assert.equal(0, code)
    assert.matches('{\\"n\\":4}', output, 1, true)
    assert.falsy(output:find('{\\"n\\":3}', 1, true))
  end)

  it("is behind a proxy that is one", function()
    local hooks, message = webhook.open(":memory:", { proxy = "proxy.example" })
    assert.is_nil(hooks)
    assert.matches("^proxy.url: expected", message)
  end)
end)
