package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

local examples = shell.spec .. "/../examples/rules/"

describe("webhook rule", function()
  after_each(shell.clean)

  local function run(words) return shell.run(shell.webhook("rule " .. words)) end

  it("checks files and names the line that does not compile", function()
    local code, output, complaint = run("check " .. examples .. "*.lua")
    assert.same({ 0, "", "" }, { code, output, complaint })
    local good, bad = shell.write "return true", shell.write "-- a rule\n\nreturn +"
    code, output, complaint = run(("check %s %s"):format(good, bad))
    assert.same({ 1, "" }, { code, output })
    assert.equal(1, complaint:find(bad .. ":3: ", 1, true))
    assert.matches("1 of 2 rules", complaint)
    code, output = run(("check --json %s %s"):format(good, bad))
    assert.equal(1, code)
    local first, second = output:match "^(.-)\n(.-)\n$"
    assert.same({ file = good, ok = true }, webhook.decode(first))
    second = webhook.decode(second)
    assert.equal(3, second.line)
    assert.equal("rule_syntax", second.code)
  end)

  it("runs one on a payload and shows what becomes of it, at what cost", function()
    local rule = shell.write "return { id = payload.id }, { key = 'k', delay = 5, headers = { ['X-A'] = event.type } }"
    local code, output, complaint = run(("run %s %s --type order.paid"):format(rule, shell.write '{"id":9007199254740993}\n'))
    assert.same({ 0, "" }, { code, complaint })
    for _, line in ipairs { "outcome  project", 'body     {"id":9007199254740993}', "key      k", "delay    5 ms", "header   X%-A: order.paid", "cost     %d+ µs, %d+ bytes" } do
      assert.matches(line .. "\n", output)
    end
  end)

  it("runs a response rule on an answer", function()
    local rule = shell.write "\nif answer.status == 409 then return { outcome = 'success' } end"
    local code, output, complaint = run(("run %s %s --response"):format(rule, shell.write '{"status":409}'))
    assert.same({ 0, "" }, { code, complaint })
    assert.matches("outcome  success\n", output)
    code, _, complaint = run(("run %s %s --response"):format(shell.write "return (", shell.write '{"status":409}'))
    assert.equal(1, code)
    assert.matches(":1: ", complaint)
  end)

  it("reads standard input, and speaks to scripts", function()
    local rule = shell.write "return merge(payload, { rate = payload.rate, by = subscription.name, n = subscription.meta.n })"
    local words = ("run %s --json --name shop --metadata '{\"n\":1}' --fields rate,by,n"):format(rule)
    local code, output = shell.run(("echo '{\"rate\":1.10,\"x\":0}' | %s"):format(shell.webhook("rule " .. words)))
    assert.equal(0, code)
    assert.truthy(output:find('"body":{"rate":1.10,"by":"shop","n":1}', 1, true), output)
    assert.equal("project", webhook.decode(output).outcome)
  end)

  it("filters before the rule", function()
    local rule, payload = shell.write "error 'not reached'", shell.write '{"total":5,"country":"FR"}'
    local code, output = run(("run %s %s --filter country=DE"):format(rule, payload))
    assert.equal(0, code)
    assert.matches("outcome  filtered, by country\n", output)
    assert.equal(1, (run(("run %s %s --filter total:=5"):format(rule, payload))))
  end)

  it("keys hash() by the secret", function()
    local _, output = run(("run %spseudonymise.lua %s --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw --time 1795000000000"):format(examples, shell.write '{"email":"ada@lovelace.org"}'))
    assert.truthy(output:find("ff7f3946a4193affe9073b5b4b97ea0eafa3a22a7a97b0f3f31ba9b1efd6b7f5", 1, true), output)
  end)

  it("fails with the file and the line", function()
    local rule = shell.write "local t\nreturn t.x"
    local code, output, complaint = run(("run %s %s"):format(rule, shell.write "{}"))
    assert.equal(1, code)
    assert.matches("outcome  failed\n", output)
    assert.equal(1, complaint:find(rule .. ":2: ", 1, true), complaint)
    code, output, complaint = run(("run %s %s --json"):format(rule, shell.write "{}"))
    assert.equal(1, code)
    assert.equal("rule_runtime", webhook.decode(output).code)
    assert.equal("rule_runtime", webhook.decode(complaint).code)
    local _
    code, _, complaint = run(("run %s %s"):format(shell.write "return +", shell.write "{}"))
    assert.equal(1, code)
    assert.matches("^/%S+:1: ", complaint)
    code, _, complaint = run(("run %s %s --cpu-ms 5"):format(shell.write "while true do end return true", shell.write "{}"))
    assert.equal(1, code)
    assert.matches("^/%S+:1: stopped after 5 ms", complaint)
    code, _, complaint = run(("run %s %s"):format(rule, shell.write "{oops"))
    assert.equal(1, code)
    assert.matches("^webhook: ", complaint)
  end)
end)

describe("webhook explain and backtest", function()
  local store, hooks, id, event

  local function run(words)
    return shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words)))
  end

  before_each(function()
    store = shell.file ".db"
    hooks = assert(webhook.open(store))
    id = assert(hooks:subscribe { url = "http://127.0.0.1:9/", events = { "order.*" }, filters = { country = "DE" }, retry = { 0 } }).id
    event = assert(hooks:publish("order.paid", { country = "FR", total = 5 }))
    assert(hooks:publish("order.paid", { country = "DE", total = 7 }))
    assert(hooks:run())
    hooks:close()
  end)
  after_each(shell.clean)

  it("tells why", function()
    for _, words in ipairs { "explain " .. event, ("explain %s %s"):format(event, id) } do
      local code, output, complaint = run(words)
      assert.same({ 0, "" }, { code, complaint })
      assert.matches("^SUBSCRIPTION +VERSION +OUTCOME +WHY", output)
      assert.matches('filtered +country: expected "DE", found "FR"', output)
    end
    local _, output = run(("explain %s --json"):format(event))
    assert.equal("filtered", webhook.decode(output).outcome)
    local code, _, complaint = run "explain msg_0000000000009"
    assert.equal(1, code)
    assert.matches("no such event", complaint)
    assert.equal(2, (run "explain"))
    local stray = select(2, run("publish order.paid --tenant acmee " .. shell.write "{}")):match "msg_%w+"
    assert.matches("tenant acmee, which has no subscription", (select(2, run("explain " .. stray))))
    assert.equal("", (select(2, run(("explain %s --json"):format(stray)))))
  end)

  it("tells what a change would do", function()
    local rule = shell.write "return { total = payload.total + 1 }"
    local code, output, complaint = run(("backtest %s --rule %s --filter '' --last 10 --since 1d"):format(id, rule))
    assert.same({ 0, "" }, { code, complaint })
    assert.matches("^2 events\n", output)
    assert.matches("sent +1 +2\n", output)
    assert.matches("2 events differ\n", output)
    assert.matches("  %+ total: 8\n", output)
    output = select(2, run(("backtest %s --fields total --json"):format(id)))
    assert.same({ now = 1, ["then"] = 1 }, webhook.decode(output).sent)
    output = select(2, run(("backtest --rule %s"):format(shell.write "error 'never'")))
    assert.matches("\nErrors\n%S+  order.paid: line 1: .*never", output)
    assert.equal(0, (run("publish a --tenant acme " .. shell.write "{}")))
    output = select(2, run(("backtest --tenant acme --rule %s --json"):format(shell.write "return true")))
    assert.same({ now = 1, ["then"] = 1 }, webhook.decode(output).sent)
  end)

  it("says what is wrong with a line", function()
    for line, sentence in pairs {
      ["backtest " .. id] = "expects %-%-rule", [("backtest %s --fields id --since yesterday"):format(id)] = "90s, 30m, 12h, 7d",
      ["rule"] = "expects check or run", ["rule paint"] = 'no "paint"', ["rule run"] = "expects a FILE", ["rule run a b c"] = 'unexpected word "c"',
      ["rule run a --filter x"] = "PATH=TEXT", [("backtest %s --fields id --tenant acme"):format(id)] = "its own tenant",
    } do
      local code, _, complaint = run(line)
      assert.equal(2, code, complaint)
      assert.matches(sentence, complaint)
      assert.not_matches("traceback", complaint)
    end
    local code, _, complaint = run(("backtest %s --rule %s"):format(id, shell.write "return +"))
    assert.equal(1, code)
    assert.matches("line 1", complaint)
  end)
end)
