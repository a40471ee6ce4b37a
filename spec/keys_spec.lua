-- Secrets at rest: the command, the module, and another implementation that opens what stands in the file.
package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

local SECRET <const> = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

describe("a key file", function()
  local store, keys

  local function command(words)
    return shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words)))
  end

  local function json(words)
    local code, output, complaint = command(words .. " --json")
    assert.equal("", complaint)
    assert.equal(0, code)
    return assert(webhook.decode(output))
  end

  local function column(sql)
    local code, output = shell.run(("sqlite3 '%s' \"%s\""):format(store, sql))
    assert.equal(0, code)
    return (output:gsub("\n$", ""))
  end

  local function unseal(place, sealed)
    local code, output, complaint = shell.run(("node core/tests/interop/unseal.mjs '%s' '%s' '%s'"):format(keys, place, sealed))
    assert.equal("", complaint)
    assert.equal(0, code)
    return output
  end

  before_each(function()
    store, keys = shell.file(".db"), shell.file()
    assert.equal(0, (shell.run(("umask 077; %s >'%s'"):format(shell.webhook("keys new k1"), keys))))
  end)
  after_each(shell.clean)

  it("encrypts what another implementation opens with it", function()
    do
      local hooks <close> = assert(webhook.open(store, { key_file = keys }))
      assert(hooks:subscribe { url = "https://example.com/", secrets = { SECRET }, headers = { ["X-Token"] = "receiver" } })
      assert(hooks:tenant_secret("acme", "workspace"))
    end
    local id = column "SELECT id FROM webhook_subscriptions"
    for _, member in ipairs { "secrets", "headers" } do
      local sealed = column("SELECT json_extract(document, '$." .. member .. "') FROM webhook_subscriptions")
      local expected = member == "secrets" and '["' .. SECRET .. '"]' or '{"X-Token":"receiver"}'
      assert.equal(expected, unseal(("subscription %s version 1 %s"):format(id, member), sealed))
    end
    local sealed = column "SELECT json_extract(document, '$.secrets') FROM webhook_subscription_versions"
    assert.equal('["' .. SECRET .. '"]', unseal(("subscription %s version 1 secrets"):format(id), sealed))
    assert.equal("workspace", unseal("tenant acme secret", column "SELECT CAST(secret AS TEXT) FROM webhook_tenants"))
  end)

  it("is asked for, and told by its id", function()
    assert.equal(0, (command(("subscriptions add https://example.com/ --key-file '%s'"):format(keys))))
    local code, _, complaint = command "subscriptions list"
    assert.equal(1, code)
    assert.matches('encrypted by the key "k1", which needs the option key_file', complaint)
    code = shell.run(("WEBHOOK_KEY_FILE='%s' WEBHOOK_STORE='%s' %s"):format(keys, store, shell.webhook "subscriptions list"))
    assert.equal(0, code)
    local hooks, message, name = webhook.open(store, {})
    assert.is_nil(hooks)
    assert.matches('"k1"', message)
    assert.equal("key", name)
  end)

  it("encrypts what was in clear, and takes the place of another", function()
    command(("subscriptions add https://example.com/ --secret %s"):format(SECRET))
    assert.matches(SECRET, column "SELECT document FROM webhook_subscriptions")
    assert.same({ encrypted = 2 }, json(("keys rotate --key-file '%s'"):format(keys)))
    assert.not_matches(SECRET, column "SELECT document FROM webhook_subscriptions")
    local both = shell.file()
    shell.run(("umask 077; { %s; cat '%s'; } >'%s'"):format(shell.webhook "keys new k2", keys, both))
    local hooks <close> = assert(webhook.open(store, { key_file = both }))
    assert.equal(2, hooks:rotate_key())
    assert.equal(0, hooks:rotate_key())
    assert.matches("seal:1:k2:", column "SELECT document FROM webhook_subscriptions")
  end)

  it("that is wrong fails with the line, and shows none of it", function()
    local wrong = shell.write "k1 AAECAwQFBgcICQ\n"
    local hooks, message, name, failure = webhook.open(store, { key_file = wrong })
    assert.is_nil(hooks)
    assert.equal("invalid", name)
    assert.equal("key_file", failure.field)
    assert.matches("line 1", message)
    assert.not_matches("AAEC", message)
    assert.has_error(function() webhook.open(store, { key_file = 5 }) end)
  end)

  it("is a line of an id and a key", function()
    assert.matches("^ours [A-Za-z0-9+/]+=$", webhook.store_key "ours")
    assert.matches("^%d%d%d%d%-%d%d%-%d%d ", webhook.store_key())
    local line, message, code = webhook.store_key "a b"
    assert.is_nil(line)
    assert.matches("^id: ", message)
    assert.equal("invalid", code)
    assert.equal(2, (command "keys"))
    assert.equal(2, (command "keys rotate"))
    assert.equal("ours", json("keys new ours").id)
  end)

  it("is wanted by a rotation", function()
    local hooks <close> = assert(webhook.open(":memory:", {}))
    local count, message, code = hooks:rotate_key()
    assert.is_nil(count)
    assert.matches("^key_file: ", message)
    assert.equal("invalid", code)
  end)
end)
