-- `webhook listen` as a developer uses it: requests that come are handed on, and what a subscription gets is
-- fetched, from a store or a server's API, for a program that nobody else reaches.
package.path = "spec/?.lua;" .. package.path
local core = require "webhook.core"
local receiver = require "receiver"
local shell = require "shell"
local webhook = require "webhook"

describe("webhook listen", function()
  after_each(shell.clean)

  local function lines_of(handle, count)
    local lines = {}
    handle.wait_for(("[^\n]+\n"):rep(count))
    for line in handle.output():gmatch "[^\n]+" do lines[#lines + 1] = line end
    return lines
  end

  it("hands a request on as it is, and the answer back", function()
    local app = assert(core.listener(0))
    local handing = shell.start(shell.webhook(("listen --port 0 --count 1 --json --forward-to %d"):format(app:port())))
    local url = webhook.decode(lines_of(handing, 1)[1]).url
    local client = shell.start(("curl -sS -i -X POST -H 'X-Odd: a, b' -H 'Content-Type: text/plain' -H 'X-Empty;' --data-binary 'two\nlines' '%sdeep/er?q=1'"):format(url))
    local request = app:next(10)
    assert.same({ "POST", "/deep/er?q=1", "two\nlines" }, { request.method, request.path, request.body })
    assert.same({ "a, b", "text/plain", "" }, { request.headers["x-odd"], request.headers["content-type"], request.headers["x-empty"] })
    app:respond(request.connection, 418, "short and stout", { "Content-Type: text/teapot" })
    client.wait_for "short and stout"
    assert.matches("^HTTP/1.1 418", client.output())
    assert.matches("Content%-Type: text/teapot", client.output())
    assert.equal(418, webhook.decode(lines_of(handing, 2)[2]).forwarded.status)
    app:close()
  end)

  it("answers 502 where nobody takes it", function()
    local handing = shell.start(shell.webhook "listen --port 0 --count 1 --forward-to 127.0.0.1:1/hook")
    local url = handing.wait_for "http://%S+"
    local _, output = shell.run("curl -sS -o /dev/null -w '%{http_code}' -d x " .. url)
    assert.equal("502", output)
    handing.wait_for "%-> http://127.0.0.1:1/hook: "
  end)

  local function with_waiting(count)
    local store = shell.file ".db"
    local hooks = assert(webhook.open(store))
    local id = assert(hooks:subscribe { url = "poll:", events = { "order.*" } }).id
    for n = 1, count do assert(hooks:publish("order.paid", { n = n })) end
    assert(hooks:run())
    return store, hooks, id
  end

  it("fetches what came while nobody listened, hands it on in order, and acknowledges it", function()
    local app <close> = setmetatable(receiver.new(), { __index = receiver, __close = receiver.close })
    local store, hooks, id = with_waiting(2)
    local secret = hooks:secrets(id).secrets[1]
    local handing = shell.start(("env WEBHOOK_STORE='%s' SECRET=%s %s"):format(store, secret,
      shell.webhook(("listen --subscription %s --secret-env SECRET --count 2 --json --forward-to %s/hook"):format(id, app.url:match ":(%d+)/"))))
    for n = 1, 2 do
      local request = app:take(n == 1 and 500 or 204)
      assert.equal("/hook", request.path)
      assert.is_true((webhook.verify(request.headers, request.body, secret)))
      assert.equal(('{"n":%d}'):format(n), request.body)
    end
    local lines = lines_of(handing, 3)
    local first, second = webhook.decode(lines[2]), webhook.decode(lines[3])
    assert.equal(id, webhook.decode(lines[1]).subscription)
    assert.same({ true, 500, "order.paid" }, { first.verified, first.forwarded.status, first.type })
    assert.same({ true, 204 }, { second.verified, second.forwarded.status })
    assert.equal(0, handing.wait())
    assert.same({}, { table.unpack(hooks:fetch(id).items) })
    hooks:close()
  end)

  it("keeps what nobody takes until somebody does", function()
    local app = receiver.new()
    local url = app.url
    app:close()
    local store, hooks, id = with_waiting(1)
    local handing = shell.start(("env WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(("listen --subscription %s --forward-to %s"):format(id, url))))
    handing.wait_for "waiting for it"
    handing.stop "INT"
    assert.equal(1, #hooks:fetch(id).items)
    hooks:close()
  end)

  it("makes a subscription on a server for as long as it listens, for a tenant's token", function()
    local store = shell.file ".db"
    local _, token = shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook "tokens add --tenant acme"))
    local server = shell.start(("env WEBHOOK_STORE='%s' %s"):format(store, shell.webhook "serve --port 0 --quiet"))
    local url = server.wait_for "http://[%d.:]+"
    local handing = shell.start(("env WEBHOOK_TOKEN=%s %s"):format(token:match "wht_%S+", shell.webhook(
      ("listen --server %s --events 'order.*' --count 1 --json"):format(url))))
    local made = webhook.decode(lines_of(handing, 1)[1])
    assert.matches("^sub_", made.subscription)
    for _, type in ipairs { "invoice.paid", "order.paid" } do
      assert.equal(0, (shell.run(("echo '{\"id\":7}' | WEBHOOK_STORE='%s' %s"):format(store, shell.webhook("publish --tenant acme " .. type)))))
    end
    local got = webhook.decode(lines_of(handing, 2)[2])
    assert.same({ true, "order.paid", '{"id":7}' }, { got.verified, got.type, got.body })
    assert.equal(0, handing.wait())
    local _, left = shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook "subscriptions list --json"))
    assert.equal("", left)
  end)

  it("says what is wrong with its line, or with what it asks", function()
    local store, hooks = with_waiting(0)
    hooks:close()
    for line, sentence in pairs {
      ["--subscription sub_x --events x"] = "not both", ["--server http://127.0.0.1"] = "is for --subscription and --events",
      ["--events x --port 8"] = "--port is for requests that come", ["--forward-to 'a b'"] = "found \"a b\"",
      ["--status 200 --forward-to 3000"] = "where nothing is handed on", ["--tenant a"] = "is for --events",
      ["--events x --server hooks.example.com"] = "expects a URL",
    } do
      local code, _, complaint = shell.run(shell.webhook("listen --count 1 " .. line))
      assert.equal(2, code, line)
      assert.matches(sentence, complaint, 1, true)
    end
    local code, _, complaint = shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook "listen --subscription sub_0000000000001"))
    assert.equal(1, code)
    assert.matches("no such subscription", complaint)
    code, _, complaint = shell.run(shell.webhook "listen --events x --server http://127.0.0.1:1")
    assert.equal(1, code)
    assert.matches("^webhook: http://127.0.0.1:1/v1/subscriptions: ", complaint)
  end)
end)
