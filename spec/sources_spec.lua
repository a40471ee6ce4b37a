package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local receiver = require "receiver"
local webhook = require "webhook"

--- The documents that the page shows, for APIs of ours.
local function documents(host)
  local file <close> = assert(io.open "core/docs/sources.md")
  local found = {}
  for name, text in file:read("a"):gmatch "<!%-%- tested by spec/sources_spec.lua: (%a+) %-%->\n```json\n(.-)```" do
    found[name] = text:gsub("https://api%.example%.com", host)
  end
  return found
end

describe("sources over HTTP", function()
  local host, shown, hooks

  lazy_setup(function()
    local api = shell.start "python3 core/tests/sources/apis.py stay"
    host = "http://127.0.0.1:" .. api.wait_for "(%d+)\n"
    shown = documents(host)
  end)
  lazy_teardown(function() shell.clean() end)
  before_each(function() hooks = assert(webhook.open(":memory:", { allow = { "127.0.0.1" } })) end)
  after_each(function() hooks:close() end)

  -- The ids of all pages.
  local function read(object_type, query)
    local ids = {}
    repeat
      local page = assert(hooks:test_source(object_type, query))
      assert.is_true(page.ok, page.error)
      for _, item in ipairs(page.items) do ids[#ids + 1] = item.id end
      query.page = page.next
    until not page.next
    return ids
  end

  it("are what the page about them shows", function()
    local expected = {
      github = { "issue", 9007199254740993, 9007199254740999 }, stripe = { "customer", "cus_0", "cus_6" },
      graphql = { "order", "gid://0", "gid://6" },
    }
    for name, what in pairs(expected) do
      assert.is_true(hooks:put_source(webhook.raw(assert(shown[name], name))))
      local ids = read(what[1], { connection = "octo", limit = 2 })
      assert.same({ what[2], what[3], 7 }, { ids[1], ids[7], #ids })
    end
    assert.equal(3, #hooks:sources())
    assert.same({ id = "gid://1", amount = 10 }, hooks:test_source("order", { limit = 2 }).items[2])
  end)

  it("are read for whom the document says", function()
    assert.is_true(hooks:put_source(webhook.raw(assert(shown.acme))))
    local expected = { ["acme-shop"] = { id = "17", as = "Bearer acme_1" }, ["bolt-shop"] = { id = "18", as = "Bearer bolt_1" } }
    for connection, item in pairs(expected) do
      assert.same({ item }, hooks:test_source("order", { tenant = item.as:match "(%a+)_", connection = connection }).items)
    end
    local page = hooks:test_source("order", { tenant = "acme", connection = "bolt-shop" })
    assert.same({ false, true, "invalid" }, { page.ok, page.refused, page.code })
  end)

  it("are kept without their secrets in sight", function()
    local document = { object_type = "customer", url = host .. "/stripe?limit=3", items = "data",
      auth = { type = "bearer", token = "sk_test_1" } }
    assert.is_true(hooks:put_source(document))
    local kept = assert(hooks:source_document "customer").document
    assert.equal("********", kept.auth.token)
    kept.name = "customers"
    assert.is_true(hooks:put_source(kept))
    assert.is_true(hooks:test_source("customer").ok)
    kept.url = "https://elsewhere.example.com/"
    local ok, message, code, failure = hooks:put_source(kept)
    assert.same({ nil, "invalid", "url" }, { ok, code, failure.field })
    assert.matches("another host", message)
    assert.is_true(hooks:delete_source "customer")
    assert.equal("not_found", (select(3, hooks:delete_source "customer")))
    assert.equal("not_found", (select(3, hooks:source_document "customer")))
    assert.equal("not_found", (select(3, hooks:test_source "customer")))
    assert.same({}, hooks:sources())
    assert.has_error(function() hooks:put_source() end)
    assert.has_error(function() hooks:test_source("customer", "x") end)
  end)

  it("have rules that make their objects", function()
    assert.is_true(hooks:put_source { object_type = "a", url = host .. "/pages?page=1",
      rule = "return payload.id > 0 and { twice = payload.id * 2 }" })
    assert.same({ { id = 1, twice = 2 } }, hooks:test_source("a").items)
    local _, _, code, failure = hooks:put_source { object_type = "a", url = host .. "/", rule = "return (" }
    assert.same({ "rule_syntax", 1 }, { code, failure.line })
  end)

  -- The API stands still: its second object has another name by another document.
  local function pages(name)
    return { object_type = "a", url = host .. "/pages?page=1",
      rule = ('return { name = payload.id == 1 and %q or "same" }'):format(name) }
  end

  it("are polled, and what changes is delivered", function()
    local to = receiver.new()
    assert.is_true(hooks:put_source(pages "Ann"))
    local id = assert(hooks:subscribe { url = to.url, events = { "a.*" }, poll = { type = "a" } }).id
    assert(hooks:run())
    assert.matches(" ok pages=1 objects=2 sent=0 ", hooks:subscription(id).polled.runs[1])
    assert.is_true(hooks:put_source(pages "Anna"))
    assert(hooks:poll(id))
    assert(hooks:start(1))
    local came = to:take()
    assert.same({ { id = 1, name = "Anna" } }, webhook.decode(came.body))
    assert(hooks:stop(1000))
    assert.is_true(hooks:delete_source "a")
    assert(hooks:poll(id))
    assert(hooks:run())
    assert.equal(2, #hooks:subscription(id).polled.runs)
    to:close()
  end)

  it("are polled by the command", function()
    local store = shell.file ".db"
    local to = shell.start(shell.webhook "listen --port 0")
    local url = to.wait_for "(http://%S+)"
    local function run(words)
      local code, output, complaint = shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words)))
      assert.equal(0, code, complaint)
      return output
    end

    run("sources add " .. shell.write(webhook.encode(pages "Ann"), ".json"))
    local id = run("subscriptions add " .. url .. " --events 'a.*' --poll a --interval 5"):match "^(sub_%w+)\n"
    assert.same({ type = "a", interval = 300000 }, webhook.decode(run("subscriptions show " .. id)).poll)
    run "run --until-idle --allow 127.0.0.1"
    assert.matches(" ok pages=1 objects=2 sent=0 ", webhook.decode(run("subscriptions show " .. id)).polled.runs[1])
    run("sources add " .. shell.write(webhook.encode(pages "Anna"), ".json"))
    assert.matches('^a.updated {"id":1,"name":"Anna"}\n$', run("sources test a --allow 127.0.0.1 --subscription " .. id))
    assert.falsy(to.output():find "Anna")
    assert.matches(" ok pages=1 objects=2 sent=1 ", run "sources run a --allow 127.0.0.1")
    to.wait_for '"name":"Anna"'
    assert.equal(1, (shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook "sources run a")))) -- not allowed
    assert.equal(1, (shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook "sources run b"))))
    run("subscriptions update " .. id .. " --poll a --interval 10")
    assert.equal(600000, webhook.decode(run("subscriptions show " .. id)).poll.interval)
    assert.equal(2, (shell.run(shell.webhook("subscriptions add " .. url .. " --interval 5"))))
    assert.equal(2, (shell.run(shell.webhook("subscriptions add " .. url .. " --history"))))
    assert.equal(2, (shell.run(shell.webhook("subscriptions update " .. id .. " --poll a --history"))))
    local all = run("subscriptions add " .. url .. " --events 'a.*' --poll a --history"):match "^(sub_%w+)\n"
    assert.is_true(webhook.decode(run("subscriptions show " .. all)).poll.history)
    run "run --until-idle --allow 127.0.0.1"
    to.wait_for '{"id":0,"name":"same"}'
  end)

  it("are connected with by the command, one connection at a time", function()
    local store = shell.file ".db"
    local function run(words) return shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words))) end
    local function file(document) return shell.write(webhook.encode(document), ".json") end

    local document = { object_type = "a", url = host .. "/accounts?account={variables.account}", connections = webhook.object {} }
    assert.equal(0, (run("sources add " .. file(document))))
    local acme = { tenant = "acme", auth = { type = "bearer", token = "hush" }, variables = { account = "17" } }
    local subscribing = "subscriptions add https://127.0.0.1:1/ --events 'a.*' --poll a --source acme-crm --tenant "
    local code, _, complaint = run(subscribing .. "acme")
    assert.equal(1, code)
    assert.matches('source: expected a connection of this tenant at the source of a: "acme%-crm" is none', complaint)
    assert.equal(0, (run("sources connect a acme-crm " .. file(acme))))
    assert.equal(0, (run(subscribing .. "acme")))
    assert.equal(1, (run(subscribing .. "bolt")))
    local _, shown_text = run "sources show a"
    assert.same({ tenant = "acme", auth = { type = "bearer", token = "********" }, variables = { account = "17" } },
      webhook.decode(shown_text).connections["acme-crm"])
    assert.equal(0, (run "sources test a --tenant acme --connection acme-crm --allow 127.0.0.1"))
    assert.equal(1, (run "sources test a --tenant bolt --connection acme-crm --allow 127.0.0.1"))
    assert.equal(0, (run "sources disconnect a acme-crm"))
    assert.equal(1, (run "sources disconnect a acme-crm"))
    for _, words in ipairs { "connect", "connect a", "connect a b", "disconnect a", "disconnect a b c", "show a b" } do
      assert.equal(2, (run("sources " .. words)), words)
    end
  end)

  it("are kept and tried by the command", function()
    local store = shell.file ".db"
    local function run(words) return shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook("sources " .. words))) end

    local code, output, complaint = run("add " .. shell.write(shown.stripe, ".json"))
    assert.same({ 0, "", "" }, { code, output, complaint })
    code, output = run ""
    assert.equal(0, code)
    assert.matches("\ncustomer +http", output)
    code, output = run "show customer"
    assert.equal(0, code)
    assert.equal("********", webhook.decode(output).auth.token)
    code, output, complaint = run "test customer --limit 2 --allow 127.0.0.1"
    assert.equal(0, code)
    assert.matches('^{"[^\n]*"cus_0"[^\n]*\n{"[^\n]*"cus_1"[^\n]*\n$', output)
    code, output = run "test customer --limit 2 --allow 127.0.0.1 --json"
    assert.same({ 0, 2 }, { code, #webhook.decode(output).items })
    code, output, complaint = run "test customer"
    assert.same({ 1, "" }, { code, output })
    assert.matches("loopback", complaint)
    assert.equal(1, (run "test customer --json"))
    assert.equal(0, (run "remove customer"))
    assert.equal(1, (run "remove customer"))
    assert.equal(2, (run "add"))
    assert.equal(2, (run "paint"))
    assert.equal(2, (run "list customer"))
    code, _, complaint = run ("add " .. shell.write '{"object_type":"a"}')
    assert.equal(1, code)
    assert.matches("url: expected one", complaint)
  end)
end)
