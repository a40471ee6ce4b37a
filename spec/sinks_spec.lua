package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

describe("a database as a receiver", function()
  local store, rows, folder

  local function run(words)
    return shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words)))
  end

  before_each(function()
    store, rows = shell.file(".db"), shell.file(".rows")
    folder = rows:match "^(.*)/"
  end)
  after_each(shell.clean)

  it("is named by the scheme of a URL", function()
    local features = webhook.features()
    local known = {}
    for _, each in ipairs(features.sinks) do known[each] = true end
    assert.equal(webhook.version, features.version)
    assert.is_true(known.http and known.https and known.sqlite)
    local code, output = run "--version"
    assert.equal(0, code)
    assert.truthy(output:find(webhook.version .. " (http, https", 1, true))
    code, output = run "sinks"
    assert.equal(0, code)
    assert.truthy(output:find("sqlite\n", 1, true))
  end)

  it("gets a row for each object", function()
    local hooks <close> = assert(webhook.open(store, { files = folder }))
    local made = assert(hooks:subscribe { url = "sqlite:" .. rows, events = { "crm_contact.*" }, database = { prefix = "u_" } })
    assert.equal("u_", made.database.prefix)
    assert(hooks:publish("crm_contact.updated", { id = "a", age = 7 }))
    assert(hooks:publish("crm_contact.updated", { name = "no id" }))
    assert(hooks:run())
    local states = {}
    for each in hooks:deliveries() do
      states[each.state] = (states[each.state] or 0) + 1
      if each.state == "held" then assert.truthy(each.error:find("has no id", 1, true)) end
    end
    assert.same({ delivered = 1, held = 1 }, states)
  end)

  it("may be one of two places, each with deliveries of its own", function()
    local hooks <close> = assert(webhook.open(store, { files = folder, allow = "127.0.0.1" }))
    local made = assert(hooks:subscribe { url = "http://127.0.0.1:1/", retry = { 0 }, events = { "crm_contact.*" },
      also = { url = "sqlite:" .. rows, database = { prefix = "u_" } } })
    assert.equal("sqlite:" .. rows, made.also.url)
    assert(hooks:publish("crm_contact.updated", { id = "a" }))
    assert(hooks:run())
    local states = {}
    for each in hooks:deliveries { subscription = made.id } do states[each.subscription] = each.state end
    assert.same({ [made.id] = "exhausted", [made.also.id] = "delivered" }, states)
    made = assert(hooks:update(made.id, { name = "both" }))
    assert.equal("u_", made.also.database.prefix)
    local ok, message, code, failure = hooks:delete(made.also.id)
    assert.is_nil(ok)
    assert.equal("invalid", code)
    assert.equal("id", failure.field)
    assert.truthy(message:find(made.id, 1, true))
    made = assert(hooks:update(made.id, { also = webhook.null }))
    assert.is_nil(made.also)
  end)

  it("is tried without a subscription", function()
    local hooks <close> = assert(webhook.open(":memory:", { files = { folder } }))
    assert.is_true(hooks:test_sink { url = "sqlite:" .. rows })
    local ok, message, code, failure = hooks:test_sink { url = "sqlite:/nowhere/a.db" }
    assert.is_nil(ok)
    assert.equal("invalid", code)
    assert.equal("url", failure.field)
    assert.truthy(message:find("option files", 1, true))
    assert.has_error(function() hooks:test_sink(7) end)
  end)

  it("is subscribed and tried at the shell", function()
    assert.equal(0, (run(("sinks test 'sqlite:%s' --files '%s'"):format(rows, folder))))
    local code, _, complaint = run(("sinks test 'sqlite:%s'"):format(rows))
    assert.equal(1, code)
    assert.truthy(complaint:find("option files", 1, true))
    code, _, complaint = run "sinks test 'mongodb://u:hidden@h/d'"
    assert.equal(1, code)
    assert.truthy(complaint:find("mongodb", 1, true))
    assert.is_nil(complaint:find("hidden", 1, true))
    assert.equal(2, (run "sinks test"))
    assert.equal(2, (run "sinks other"))

    assert.equal(0, (run(("subscriptions add 'sqlite:%s' --files '%s' --events 'crm_contact.*' --prefix u_"):format(rows, folder))))
    assert.equal(0, (run("publish crm_contact.updated " .. shell.write '{"id":"a"}')))
    assert.equal(0, (run(("run --until-idle --quiet --files '%s'"):format(folder))))
    local _, output = run "deliveries"
    assert.truthy(output:find("delivered", 1, true))

    local _, made = run(("subscriptions add http://127.0.0.1:1/ --retry 0 --also 'sqlite:%s' --files '%s' --prefix v_"):format(rows, folder))
    local id = made:match "sub_%w+"
    assert.equal(0, (run("publish crm_contact.updated " .. shell.write '{"id":"b"}')))
    assert.equal(0, (run(("run --until-idle --quiet --files '%s'"):format(folder))))
    _, output = run("deliveries --subscription " .. id)
    assert.truthy(output:find("delivered", 1, true) and output:find("exhausted", 1, true))
    _, output = run("subscriptions show " .. id)
    assert.truthy(output:find('"prefix": *"v_"') and output:find('"also"', 1, true), output)
    assert.equal(0, (run("subscriptions update " .. id .. " --also '' --retry 0,3600000 --url 'sqlite:" .. rows .. "' --files '" .. folder .. "'")))
    assert.equal(0, (run("publish crm_contact.updated " .. shell.write '{"id":"c"}')))
    assert.equal(0, (run "run --until-idle --quiet"))  -- which may write in no folder
    _, output = run "status"
    assert.truthy(output:find("for a sink     2  oldest ", 1, true) and output:find("sqlite:" .. rows, 1, true), output)
    _, output = run("subscriptions show " .. id)
    assert.is_nil(output:find('"also"', 1, true))
  end)
end)
