-- `webhook doctor`, on a machine that is well and on ones that are not.
package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

describe("webhook doctor", function()
  after_each(shell.clean)

  local function run(store, words, before)
    return shell.run(("%s WEBHOOK_STORE='%s' %s"):format(before or "", store, shell.webhook("doctor --json " .. (words or ""))))
  end

  local function by_name(output)
    local found = {}
    for line in output:gmatch "[^\n]+" do
      local each = webhook.decode(line)
      found[each.check] = each
    end
    return found
  end

  local function new_store()
    local store = shell.file ".db"
    local hooks <close> = assert(webhook.open(store))
    return store
  end

  it("finds nothing wrong, and makes a delivery to itself", function()
    local code, output = run(new_store())
    assert.equal(0, code)
    local found = by_name(output)
    for _, name in ipairs { "version", "store", "file", "clock", "resolver", "delivery" } do
      assert.equal("ok", found[name].verdict, name)
    end
    assert.matches("arrived, signed", found.delivery.says)
  end)

  it("leaves tables as they are, be they of an earlier version or another program's", function()
    local store = shell.file ".db"
    local function sql(text) return (select(2, shell.run(("sqlite3 '%s' \"%s\""):format(store, text)))) end
    local function look()
      local _, output = run(store)
      shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook "complete subscriptions show ''"))
      return by_name(output).store
    end
    sql "CREATE TABLE mine (a)"
    local seen = look()
    assert.same({ "warning", "mine\n" }, { seen.verdict, sql "SELECT group_concat(name) FROM sqlite_schema" })
    assert.matches("no tables of webhook", seen.says)
    sql "CREATE TABLE webhook_meta (name TEXT, value); INSERT INTO webhook_meta VALUES ('schema', 1)"
    seen = look()
    assert.same({ "warning", "mine,webhook_meta\n" }, { seen.verdict, sql "SELECT group_concat(name) FROM sqlite_schema" })
    assert.matches("version 1", seen.says)
  end)

  it("sees a store that is not there, and one that others may read", function()
    local name = shell.file ".db"
    local code, output = run(name)
    assert.equal(1, code)
    assert.matches("there is no store", by_name(output).store.says)
    local file = io.open(name)
    assert.is_nil(file)
    local store = new_store()
    shell.run(("chmod 644 '%s'"):format(store))
    code, output = run(store)
    assert.equal(0, code)
    assert.same({ "warning", true }, { by_name(output).file.verdict, by_name(output).file.says:find("others may read it", 1, true) ~= nil })
  end)

  it("sees that few files may be open, that nobody decides, that no certificate is where it is told", function()
    local store = new_store()
    local hooks <close> = assert(webhook.open(store, { clock = webhook.clock(1790000000000) }))
    assert(hooks:publish("order.paid", {}))
    local found = by_name((select(2, run(store, "--ca-file /dev/null", "ulimit -n 256;"))))
    assert.matches("256 may be open", found.files.says)
    assert.matches("no certificate is in it", found.certificates.says)
    assert.matches("webhook run, or webhook serve, has to run", found.store.says)
  end)

  it("has no name, URL, payload or secret in its bundle", function()
    local store = shell.file ".db"
    local hooks <close> = assert(webhook.open(store))
    local made = assert(hooks:subscribe { url = "https://receiver.example/hook", name = "Accounting" })
    assert(hooks:publish("order.paid", { customer = "Ada" }))
    local code, output = run(store, "--bundle")
    assert.equal(0, code)
    assert.equal(1, webhook.decode(output).store.subscriptions)
    for _, word in ipairs { "receiver.example", "Accounting", "Ada", made.secrets[1], store } do
      assert.falsy(output:find(word, 1, true), word)
    end
  end)
end)
