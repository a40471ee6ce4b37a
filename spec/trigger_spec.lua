-- `webhook trigger`: example events, of our own and of the store.
package.path = "spec/?.lua;" .. package.path
local fixtures = require "webhook.command.fixtures"
local shell = require "shell"
local webhook = require "webhook"

describe("webhook trigger", function()
  after_each(shell.clean)

  local store
  local function run(words)
    return shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words)))
  end
  before_each(function() store = shell.file ".db" end)

  it("publishes each example as JSON, with a number and a time of its own", function()
    local _, list = run "trigger --list"
    for name in pairs(fixtures) do
      assert.matches("\n" .. name .. "\n", "\n" .. list, 1, true)
      local code, text = run(("trigger '%s' --dry-run"):format(name))
      assert.equal(0, code)
      assert.is_table(webhook.decode(text))
      assert.falsy(text:find("{[%l]+}"), name)
    end
    assert.equal(0, (run "trigger github.push --tenant acme"))
    local hooks <close> = assert(webhook.open(store))
    local event = hooks:page("events", {}).items[1]
    assert.same({ "github.push", "acme" }, { event.type, event.tenant })
    assert.equal("refs/heads/main", hooks:event(event.id).payload.ref)
  end)

  it("changes what --set names, and makes what is not there", function()
    local _, text = run "trigger order.paid --dry-run --set total:=7 --set customer.email=b@example.com --set items.0.sku=CUP --set items.1:='{\"sku\":\"JAR\"}' --set a.b.c=deep"
    local order = webhook.decode(text)
    assert.same({ 7, "b@example.com", "CUP", "JAR", "deep" },
      { order.total, order.customer.email, order.items[1].sku, order.items[2].sku, order.a.b.c })
  end)

  it("takes the newest event of that type in the store, as another type if it is told so", function()
    local hooks <close> = assert(webhook.open(store))
    for n = 1, 2 do assert(hooks:publish("order.paid", { n = n })) end
    assert.equal(0, (run "trigger order.paid --as order.again"))
    local event = hooks:page("events", {}).items[1]
    assert.same({ "order.again", '{"n":2}' }, { event.type, hooks:payload(event.id) })
  end)

  it("sets no member of what is no object", function()
    local hooks <close> = assert(webhook.open(store))
    for _, payload in ipairs { "5", "null", '"a"' } do
      assert(hooks:publish("plain", webhook.raw(payload)))
      local code, _, complaint = run "trigger plain --set a=1"
      assert.equal(2, code)
      assert.matches("the payload is none: " .. payload, complaint, 1, true)
    end
  end)

  it("says what was meant, and what is wrong", function()
    for line, sentence in pairs {
      ["github.pusch"] = "did you mean github.push?", ["zebra"] = "--list says which there are", [""] = "expects a TYPE",
      ["order.paid --set total"] = "expects PATH=TEXT or PATH:=JSON", ["order.paid --set total:=x"] = "--set total: ",
      ["order.paid --set number.x=1"] = "a value on the way",
    } do
      local code, _, complaint = run("trigger " .. line)
      assert.equal(2, code, line)
      assert.matches(sentence, complaint, 1, true)
    end
  end)
end)
