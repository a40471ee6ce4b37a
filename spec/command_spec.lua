package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

describe("the command", function()
  local store

  local function run(words)
    return shell.run(("WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words)))
  end

  local function json(words)
    local code, output, complaint = run(words .. " --json")
    assert.equal("", complaint)
    assert.equal(0, code)
    local documents = {}
    for line in output:gmatch("[^\n]+") do documents[#documents + 1] = assert(webhook.decode(line)) end
    return documents
  end

  before_each(function() store = shell.file(".db") end)
  after_each(shell.clean)

  it("takes an event from publish to a verified delivery", function()
    local secret = webhook.secret()
    local receiver <close> = setmetatable(shell.start(shell.webhook("listen --port 0 --secret " .. secret)), {
      __close = function(self) self.stop() end,
    })
    local url = receiver.wait_for('(http://[^"%s]+)')
    local rule = shell.write "return payload.total >= 1000 and { id = payload.id } or false"
    local added = json(("subscriptions add %s --events 'order.*' --secret %s --rule %s"):format(url, secret, rule))[1]
    assert.same({ secret }, { added.secrets[1] })

    local payload = shell.write '{"id":9007199254740993,"total":1200}\n'
    local first = json("publish order.paid --id order-7 " .. payload)[1]
    assert.same({ id = "order-7", duplicate = false }, first)
    assert.is_true(json("publish order.paid --id order-7 " .. payload)[1].duplicate)
    json("publish order.paid " .. shell.write '{"id":2,"total":1}')
    assert.equal(0, (run "run --until-idle --quiet --allow 127.0.0.1"))
    receiver.wait_for('verified\n  {"id":9007199254740993}')

    local deliveries = json "deliveries"
    assert.equal(1, #deliveries)
    assert.equal("delivered", deliveries[1].state)
    local attempts = json("deliveries attempts " .. deliveries[1].id)
    assert.equal(200, attempts[1].status)
    local _, body = run("deliveries body " .. deliveries[1].id)
    assert.equal('{"id":9007199254740993}', body)
    assert.equal(2, #json "events")
    local _, event = run "events show order-7"
    assert.matches('"total":1200', event)

    assert.equal(0, (run("replay " .. deliveries[1].id)))
    assert.equal(0, (run "run --until-idle --quiet --allow 127.0.0.1"))
    assert.equal(2, json("deliveries")[1].attempts)
  end)

  it("shows which sources are late, and what they wait for", function()
    json "subscriptions add http://127.0.0.1:9/ --poll crm_contact --source con --events 'crm_contact.*'"
    local code, status, complaint = run "status"
    assert.same({ 0, "" }, { code, complaint })
    assert.matches("\nsource +crm_contact con  in order  0 s late, 0 failures, 0 pages wait, 0 objects held\n", status)
  end)

  it("writes a log for people or programs, with each attempt where that is asked for", function()
    local id = json("subscriptions add http://127.0.0.1:9/ --retry 0")[1].id
    local function log_of(words)
      json("publish a " .. shell.write "1")
      local code, _, log = run("run --until-idle --allow 127.0.0.1 " .. words)
      assert.equal(0, code)
      local lines = {}
      for line in log:gmatch "[^\n]+" do lines[#lines + 1] = line end
      return lines
    end
    local lines = log_of "--log-format json --log-level debug"
    local attempt, news = webhook.decode(lines[1]), webhook.decode(lines[2])
    assert.equal("attempt failed", attempt.message)
    assert.equal("debug", attempt.level)
    assert.equal("subscription is failing", news.message)
    assert.equal(id, news.subscription)
    assert.equal(1, news.exhausted)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", news.time)
    lines = log_of "--log-format logfmt --log-level debug"
    assert.matches('^time=%S+Z level=debug msg="attempt failed" subscription=' .. id .. " event=msg_%w+ type=a attempt=1", lines[1])
    assert.matches("^delivered 0, failed 1", lines[2]) -- it is failing already
    assert.equal(1, #log_of "")
    local failing = json "subscriptions list --state failing"
    assert.equal(id, failing[1].id)
    assert.equal("failing", failing[1].health)
    assert.equal(0, #json "subscriptions list --state healthy")
    local stats = json("status")[1]
    assert.equal(1, stats.store.failing)
    assert.equal(3, stats.store.exhausted)
    assert.equal(id, stats.worst.subscriptions[1].subscription)
    local code, status, complaint = run "status"
    assert.same({ 0, "" }, { code, complaint })
    assert.matches("\nexhausted +3\n", status)
    assert.matches("\n" .. id .. " ", status)
    assert.equal(2, (run "run --until-idle --log-format xml"))
    assert.equal(2, (run "run --until-idle --log-level loud"))
  end)

  it("makes no store to look into it, and says which one it was", function()
    local folder = shell.file()
    assert(os.execute(("mkdir '%s'"):format(folder)))
    local root <close> = assert(io.popen "pwd")
    local at = root:read "l"
    local function here(words)
      return shell.run(("cd '%s' && unset WEBHOOK_STORE; %s"):format(folder, shell.webhook(words):gsub("'spec", "'" .. at .. "/spec")))
    end
    for _, words in ipairs { "deliveries", "deliveries show dlv_1", "events", "events show a", "subscriptions", "subscriptions show sub_1",
      "subscriptions secrets sub_1", "subscriptions update sub_1 --name x", "subscriptions delete sub_1", "subscriptions pause sub_1",
      "subscriptions resume sub_1", "explain a", "backtest sub_1 --fields id", "tokens", "tokens revoke tok_1", "sources", "sources show a", "sources remove a", "settings", "replay dlv_1",
      "replay --state exhausted", "replay missed sub_1", "cancel --event a" } do
      local code, output, complaint = here(words)
      assert.same({ 1, "" }, { code, output }, words)
      assert.equal(("webhook: there is no store webhook.db in %s; --store FILE or $WEBHOOK_STORE names another\n"):format(folder), complaint)
    end
    local code, _, complaint = here "events --json --store sqlite:other.db"
    assert.same({ 1, "not_found" }, { code, webhook.decode(complaint).code })
    assert.equal("", select(2, shell.run(("ls '%s'"):format(folder))))

    assert.equal(0, (here("publish a " .. shell.write "{}")))
    code, _, complaint = here "events"
    assert.same({ 0, "the store is webhook.db of this folder\n" }, { code, complaint })
    code, _, complaint = here "deliveries --store webhook.db"
    assert.same({ 0, "no such deliveries in the store webhook.db\n" }, { code, complaint })
    code, _, complaint = here "tokens --store webhook.db"
    assert.same({ 0, "no such tokens in the store webhook.db\n" }, { code, complaint })
    assert.same({ 0, "", "" }, { here "deliveries --json" })
    assert(os.execute(("rm -r '%s'"):format(folder)))
  end)

  it("delivers with threads until it is told to stop", function()
    local receiver = shell.start(shell.webhook "listen --port 0")
    local url = receiver.wait_for('(http://[^"%s]+)')
    json("subscriptions add " .. url)
    local worker = shell.start(("env WEBHOOK_STORE='%s' %s"):format(store, shell.webhook "run --threads 2 --allow 127.0.0.1"))
    worker.wait_for("delivering from")
    json("publish order.paid " .. shell.write "{}")
    receiver.wait_for("POST")
    assert.is_true(worker.stop "INT")
    assert.is_true(receiver.stop())
  end)

  it("shows a receiver that answers as it is told", function()
    local receiver = shell.start(shell.webhook "listen --port 0 --status 503 --delay 50 --count 1 --json")
    local url = receiver.wait_for('(http://[^"%s]+)')
    local _, status = shell.run(("curl -m 20 -s -o /dev/null -w '%%{http_code}' -d '{}' %s"):format(url))
    assert.equal("503", status)
    assert.matches('"body":"{}"', receiver.output())
    receiver.stop()
  end)

  it("changes, pauses, resumes and deletes subscriptions", function()
    local id = json("subscriptions add https://example.com/ --name shop --filter customer.country=DE --header 'X-Env: test' --retry 0,1000")[1].id
    json(("subscriptions update %s --fields id,total --timeout 2000"):format(id))
    local _, shown = run("subscriptions show " .. id)
    local document = webhook.decode(shown)
    assert.equal("id,total", document.fields)
    assert.equal(2000, document.timeout)
    assert.same({ ["customer.country"] = "DE" }, document.filters)
    assert.same({ ["X-Env"] = "test" }, document.headers)
    json(("subscriptions update %s --fields '' --filter 'total:=0' --metadata '{\"a\":1.10}' --http2"):format(id))
    document = webhook.decode((select(2, run("subscriptions show " .. id))))
    assert.truthy(document.fields == nil or document.fields == "")
    assert.same({ total = 0 }, document.filters)
    assert.is_true(document.http2)
    json(("subscriptions update %s --filter '' --no-http2"):format(id))
    document = webhook.decode((select(2, run("subscriptions show " .. id))))
    assert.is_nil(next(document.filters or {}))
    assert.is_falsy(document.http2)
    json(("subscriptions update %s --rate 100/60"):format(id))
    assert.same({ count = 100, per = 60 }, webhook.decode((select(2, run("subscriptions show " .. id)))).rate)
    json(("subscriptions update %s --rate 100/60/10"):format(id))
    assert.equal(10, webhook.decode((select(2, run("subscriptions show " .. id)))).rate.burst)
    json(("subscriptions update %s --rate ''"):format(id))
    assert.is_nil(webhook.decode((select(2, run("subscriptions show " .. id)))).rate)
    json(("subscriptions update %s --retry '[{\"events\":[\"a\"],\"within\":60}]' --retry-on timeout,5xx,429 --jitter 0 --connect-timeout 5 --breaker on --retry-budget 20"):format(id))
    document = webhook.decode((select(2, run("subscriptions show " .. id))))
    assert.same({ { events = { "a" }, within = 60 } }, document.retry)
    assert.same({ "timeout", 429, "5xx" }, document.retry_on)
    assert.same({ 0, { connect = 5 } }, { document.jitter, document.timeouts })
    assert.same({ 20, 10 }, { document.retry_budget, document.breaker.least })
    json(("subscriptions update %s --retry '' --retry-on none --connect-timeout 0 --breaker '' --retry-budget 0"):format(id))
    document = webhook.decode((select(2, run("subscriptions show " .. id))))
    assert.is_nil(next(document.retry_on))
    assert.same({}, { document.retry, document.timeouts, document.breaker, document.retry_budget })
    assert.matches("enabled", (select(2, run "subscriptions")))
    json(("subscriptions update %s --url http://127.0.0.1:9/other"):format(id))
    assert.equal("http://127.0.0.1:9/other", json("subscriptions")[1].url)
    assert.equal(0, (run("subscriptions pause " .. id)))
    assert.matches("paused", (select(2, run "subscriptions")))
    assert.equal(1, #json "subscriptions list --state paused")
    assert.equal(0, (run("subscriptions resume " .. id)))
    assert.equal(0, #json "subscriptions list --state paused")
    assert.equal(0, (run(("subscriptions pause %s --hold"):format(id))))
    assert.equal("hold", json("subscriptions")[1].paused)
    assert.matches("holds", (select(2, run "subscriptions")))
    assert.equal(0, (run(("subscriptions pause %s --drop"):format(id))))
    assert.is_true(json("subscriptions")[1].paused)
    assert.equal(2, (run(("subscriptions resume %s --hold"):format(id))))
    assert.equal(0, (run("subscriptions delete " .. id)))
    assert.equal(0, #json "subscriptions")
  end)

  it("finds and replays what a tenant missed in a span of time", function()
    local id = json("subscriptions add http://127.0.0.1:1/ --tenant acme --retry 0")[1].id
    run "subscriptions add http://127.0.0.1:1/ --retry 0"
    assert.equal(0, (run("publish a --tenant acme " .. shell.write "{}")))
    assert.equal(0, (run("publish a " .. shell.write "{}")))
    assert.equal(0, (run "run --until-idle --quiet --allow 127.0.0.1"))
    assert.equal(id, json("deliveries --tenant acme --since 1h")[1].subscription)
    assert.equal(1, #json "deliveries --tenant acme")
    assert.equal(0, #json "deliveries --until 2000-01-01")
    assert.equal(1, #json "deliveries --tenant acme --since '2000-01-01 00:00:00'")
    assert.matches("looks like seconds: 1700000000000", (select(3, run "deliveries --since 1700000000")))
    assert.equal(0, #json "events --until 1h")
    assert.equal(2, #json "events --since 1h --type a")
    assert.equal(0, json("replay --tenant acme --until 1h")[1].replayed)
    assert.equal(1, json("replay --tenant acme --since 1h")[1].replayed)
    assert.equal(2, #json "deliveries")
    assert.equal(1, #json "deliveries --state waiting")
    assert.matches(id, (select(2, run "deliveries --state waiting")), 1, true)
  end)

  it("counts and cancels what waits, and nothing else", function()
    local id = json("subscriptions add http://127.0.0.1:1/ --tenant acme --retry 0,3600000")[1].id
    local other = json("subscriptions add http://127.0.0.1:1/ --retry 0,3600000")[1].id
    for _, type in ipairs { "a", "b" } do assert.equal(0, (run(("publish %s --tenant acme %s"):format(type, shell.write "{}")))) end
    assert.equal(0, (run("publish a " .. shell.write "{}")))
    assert.equal(0, (run "run --until-idle --quiet --allow 127.0.0.1"))
    assert.equal(3, #json "deliveries --state waiting")
    assert.equal(2, json(("cancel --subscription %s --dry-run"):format(id))[1].cancelled)
    assert.equal(0, json(("cancel --subscription %s --until 1h"):format(id))[1].cancelled)
    assert.equal(3, #json "deliveries --state waiting")
    assert.equal(1, json(("cancel --subscription %s --type b"):format(id))[1].cancelled)
    assert.equal(0, json("cancel --tenant nobody")[1].cancelled)
    local event = json("deliveries --state waiting --subscription " .. id)[1].event
    assert.equal(1, json("cancel --event " .. event)[1].cancelled)
    assert.equal(0, json("cancel --tenant acme --state held")[1].cancelled)
    local left = json "deliveries --state waiting"
    assert.same({ 1, other }, { #left, left[1].subscription })
    assert.equal(2, #json "deliveries --state cancelled")
    local code, _, complaint = run "cancel"
    assert.equal(1, code)
    assert.matches("expected a subscription, event, type, tenant, since or until, found none", complaint, 1, true)
    code, _, complaint = run "cancel --type a --state delivered"
    assert.equal(1, code)
    assert.matches("state: expected waiting or held, found delivered", complaint, 1, true)
    assert.equal(1, #json "deliveries --state waiting")
  end)

  it("makes a subscription with what is stored", function()
    for i = 1, 3 do assert.equal(0, (run(("publish a --id e%d %s"):format(i, shell.write "{}")))) end
    local line = "subscriptions add http://127.0.0.1:1/ --retry 0 "
    assert.equal(3, json(line .. "--since 1h --dry-run")[1].missed)
    assert.equal(0, #json "subscriptions")
    json(line .. "--since-event e2")
    assert.equal(2, #json "deliveries --state waiting")
    assert.equal(2, (run(line .. "--dry-run")))
    assert.equal(2, (run "subscriptions list --since 1h"))
    assert.equal(1, (run(line .. "--since-event nothing")))
    assert.equal(1, #json "subscriptions")
  end)

  it("counts and sends what came before a subscription was made", function()
    assert.equal(0, (run("publish a --tenant acme --id e1 " .. shell.write "{}")))
    assert.equal(0, (run("publish a --tenant acme --id e2 " .. shell.write "{}")))
    assert.equal(0, (run("publish b --tenant acme " .. shell.write "{}")))
    local id = json("subscriptions add http://127.0.0.1:1/ --tenant acme --retry 0 --events a")[1].id
    assert.equal(2, json("replay missed " .. id .. " --dry-run")[1].missed)
    assert.equal(0, json("replay missed " .. id .. " --until 1h")[1].missed)
    assert.equal(0, #json "deliveries")
    assert.equal(1, json("replay missed " .. id .. " --event e2 --since 1h")[1].missed)
    assert.equal("e2", json("deliveries --state waiting")[1].event)
    local code, output = run("replay missed " .. id)
    assert.equal(0, code)
    assert.matches("1", output)
    assert.equal(0, json("replay missed " .. id)[1].missed)
    assert.equal(0, (run "run --until-idle --quiet --allow 127.0.0.1"))
    assert.equal(2, #json "deliveries --state exhausted")
    assert.matches("expects a SUBSCRIPTION", (select(3, run "replay missed")))
    assert.matches("expects a SUBSCRIPTION", (select(3, run("replay missed " .. id .. " --state held"))))
    assert.matches("for replay missed", (select(3, run "replay dlv_1 --dry-run")))
    assert.matches('unexpected word "x"', (select(3, run "replay dlv_1 x")))
    assert.matches("no such subscription", (select(3, run "replay missed sub_9")))
  end)

  it("publishes a batch of lines, all or none", function()
    local good = shell.write '{"type":"a","payload":{"n":1}}\n{"type":"b","payload":[],"id":"x-1"}\n'
    assert.equal(2, #json("publish --batch " .. good))
    local code, _, complaint = run("publish --batch " .. shell.write '{"type":"a","payload":{}}\n{"type":"a b","payload":{}}\n')
    assert.equal(1, code)
    assert.equal("webhook: line 2: type: expected 1 to 128 of A-Z a-z 0-9 . _ : - /\n", complaint)
    assert.equal(2, #json "events")
  end)

  it("counts the lines of a batch as an editor does", function()
    for text, sentence in pairs {
      ['\n{"type":"a","payload":1}\r\n\n{"type":5,"payload":1}'] = "line 4: type: expected a string, found number",
      ['{"type":"a","payload":1,"colour":1}'] = "line 1: unknown name 'colour'",
      ['{"type":"a"}'] = "line 1: payload: expected a value",
      ['{"type":"a","payload":1}\n{"type":'] = "line 2: at byte 9",
      ["7"] = "line 1: expected an object",
    } do
      local code, _, complaint = run("publish --batch " .. shell.write(text))
      assert.equal(1, code)
      assert.truthy(complaint:find(sentence, 1, true), complaint)
      assert.not_matches("traceback", complaint)
    end
    json "tokens add"
    assert.equal(0, #json "events")
  end)

  it("shows and changes how long a store keeps things", function()
    local day = 86400000
    local function settings(retain, retain_failed, payload_bytes)
      return { retain = retain, retain_failed = retain_failed, payload_bytes = payload_bytes or 1048576, subscription_bytes = 262144,
        subscriptions = 1000000 }
    end
    assert.same(settings(365 * day, 30 * day), json("settings --retain 365d")[1])
    assert.same(settings(365 * day, 36 * 3600000), json("settings --retain-failed 36h")[1])
    assert.same(settings(365 * day, 36 * 3600000, 5), json("settings --payload-bytes 5")[1])
    assert.matches("limit of 5", (select(3, run("publish a " .. shell.write '"long"'))))
    assert.same(settings(365 * day, 36 * 3600000), json("settings --payload-bytes default")[1])
    assert.equal(2, (run "settings --subscriptions many"))
    assert.equal(1, (run "settings --subscriptions 0"))
    local code, output = run "settings"
    assert.equal(0, code)
    assert.matches("365d", output)
    assert.matches("36h", output)
    assert.same(settings(7 * day, 36 * 3600000), json("settings --retain default")[1])
    for _, wrong in ipairs { "0d", "7", "-1d", "soon" } do
      local status, _, complaint = run("settings --retain=" .. wrong)
      assert.equal(2, status)
      assert.matches("%-%-retain expects 90s", complaint)
    end
    assert.equal(7 * day, json("settings")[1].retain)
  end)

  it("shows and changes what a tenant may have", function()
    json "tokens add"
    assert.same({ tenant = "acme", events = 0, bytes = 0, quota_events = 1 }, json("tenant acme --quota-events 1")[1])
    json("publish a --tenant acme " .. shell.write "[1]")
    local code, _, complaint = run("publish a --tenant acme " .. shell.write "[1]")
    assert.equal(1, code)
    assert.matches("acme has 1 events stored, and 1 more are beyond its quota_events of 1", complaint)
    assert.same({ tenant = "acme", events = 1, bytes = 3, cpu_ms = 7 }, json("tenant acme --quota-events default --cpu-ms 7")[1])
    assert.same({ count = 100, per = 60, burst = 10 }, json("tenant acme --rate 100/60/10")[1].rate)
    assert.is_nil(json("tenant acme --rate default")[1].rate)
    assert.equal(2, (run "tenant acme --rate 100"))
    assert.equal(9, json("settings --tenant-quota-bytes 9")[1].tenant_quota_bytes)
    assert.equal(9, json("tenant acme")[1].quota_bytes)
    json "settings --tenant-quota-bytes default"
    assert.equal(2, (run "tenant"))
    assert.equal(2, (run "tenant acme --cpu-ms much"))
    assert.equal(1, (run "tenant acme --cpu-ms 0"))
    assert.matches("acme", (select(2, run "tenant acme")))
  end)

  it("keeps payloads byte for byte, in and out", function()
    local payload = '{ "b": 1.10, "a": [], "n": 123456789012345678901234567890 }'
    json("publish a --id one " .. shell.write(payload .. "\n"))
    json("publish --batch " .. shell.write(('{"type":"a","id":"two","tenant":null,"payload":%s}'):format(payload)))
    for _, id in ipairs { "one", "two" } do
      local _, shown = run("events show " .. id)
      assert.truthy(shown:find('"payload":' .. payload, 1, true), shown)
    end
  end)

  it("lists in columns, without what could command a terminal", function()
    json("subscriptions add https://example.com/long/path --name " .. "\"$(printf 'red\\033[31m\\na\\302\\233')\"")
    json "subscriptions add http://example.com/ --name x"
    local code, output = run "subscriptions"
    assert.equal(0, code)
    local heading, second, first = output:match "^(.-)\n(.-)\n(.-)\n$"
    assert.matches("^ID +STATE +TENANT +URL +EVENTS +NAME +VERSION$", heading)
    assert.equal(heading:find "URL", first:find "https:")
    assert.equal(heading:find "URL", second:find "http:")
    assert.truthy(first:find("red?[31m a?", 1, true), first)
  end)

  it("shows what would hide or turn text around on a terminal", function()
    local odd = "a\u{202e}b\u{2066}c\u{200b}d\u{ad}e\u{feff}f\u{2028}g\u{e0041}h\u{fe0f}i\u{3164}j\u{61c}k"
    json(("subscriptions add https://example.com/ --name '%s'"):format(odd))
    json("publish a --key '" .. odd .. "' " .. shell.write('{"text":"' .. odd .. '"}'))
    local _, output = run "subscriptions"
    assert.truthy(output:find("a?b?c?d?e?f?g?h?i?j?k", 1, true), output)
    json "subscriptions add https://example.com/ --name 'Zoë Łukasz 東京 \u{1f600} עברית'"
    assert.truthy((select(2, run "subscriptions")):find("Zoë Łukasz 東京 \u{1f600} עברית", 1, true))

    local escaped = [[a\u202eb\u2066c\u200bd\u00ade\ufefff\u2028g\udb40\udc41h\ufe0fi\u3164j\u061ck]]
    local id = json("subscriptions")[2].id
    local event = json("events")[1].id
    for _, words in ipairs { "subscriptions --json", "subscriptions show " .. id, "events show " .. event } do
      output = select(2, run(words))
      assert.truthy(output:find(escaped, 1, true), output)
    end
    assert.equal(odd, webhook.decode(output).payload.text)
    local receiver = shell.start(shell.webhook "listen --port 0")
    local url = receiver.wait_for "(http://%S+)"
    assert.equal(0, (shell.run(("curl -s -o /dev/null --data-binary @'%s' %s"):format(shell.write("x\u{202e}y"), url))))
    receiver.wait_for "\n  x%?y\n"
  end)

  it("makes secrets and checks signatures", function()
    local _, secret = run "secret"
    secret = secret:match("whsec_%S+")
    local _, pair = run "secret --pair"
    assert.matches("^whsk_%S+\nwhpk_%S+\n$", pair)
    local header = webhook.sign(secret, "msg_1", 1700000000, "{}")
    local words = ("verify %s --secret %s --header 'webhook-id: msg_1' --header 'webhook-timestamp: 1700000000' --header 'webhook-signature: %s'"):format(shell.write "{}", secret, header)
    assert.equal(0, (run(words .. " --tolerance -1")))
    local code, _, complaint = run(words)
    assert.equal(1, code)
    assert.matches("old", complaint)
    assert.matches("found twice", (select(3, run(words .. " --tolerance -1 --header 'webhook-id: msg_2'"))))
  end)

  it("takes secrets that are in no line", function()
    local secret, other = webhook.secret(), webhook.secret()
    local header = webhook.sign(secret, "msg_1", os.time(), "{}")
    local words = ("verify %s --header 'webhook-id: msg_1' --header 'webhook-timestamp: %d' --header 'webhook-signature: %s'"):format(shell.write "{}", os.time(), header)
    assert.equal(0, (run(words .. " --secret-file " .. shell.write(other .. "\r\n" .. secret .. "\n"))))
    assert.equal(0, (shell.run(("echo '%s' | %s"):format(secret, shell.webhook(words .. " --secret-file -")))))
    assert.equal(0, (shell.run(("SIGNS='%s' %s"):format(secret, shell.webhook(words .. " --secret-env SIGNS")))))
    assert.equal(1, (run(words .. " --secret-file " .. shell.write(other))))
    local code, _, complaint = run(words .. " --secret-env NOT_THERE_AT_ALL")
    assert.equal(1, code)
    assert.matches("the environment has no NOT_THERE_AT_ALL", complaint)
    assert.matches("no secret in it", (select(3, run(words .. " --secret-file " .. shell.write "\n"))))
    local id = json("subscriptions add http://127.0.0.1:1/ --secret-file " .. shell.write(secret))[1].id
    assert.matches(secret, (select(2, run("subscriptions secrets " .. id))), 1, true)
  end)

  it("teaches", function()
    for _, name in ipairs { "", "publish", "run", "listen", "subscriptions", "events", "deliveries", "replay", "secret", "verify" } do
      local code, output = run(name .. " --help")
      assert.equal(0, code)
      assert.matches("webhook", output)
    end
  end)

  it("says what is wrong with a line, and exits with 2", function()
    local lines = {
      ["publsh"] = 'unknown command "publsh"', ["publish"] = "expects a TYPE", ["publish --colour red x"] = "unknown option %-%-colour; there are: %-%-batch, %-%-help, %-%-id, %-%-json, %-%-key, %-%-key%-file, %-%-source, %-%-store, %-%-tenant, %-%-time\n",
      ["listen --port many"] = "whole number", ["subscriptions add"] = "expects a URL", ["deliveries show"] = "expects an ID",
      ["replay"] = "expects an ID", ["verify"] = "expects a FILE", ["subscriptions paint"] = 'no "paint"',
      ["publish a --id"] = "expects a value", ["publish a --id --json"] = "expects a value", ["run -q"] = "unknown option %-q; there are: %-%-allow, ",
      ["run now"] = 'unexpected word "now"', ["run --quiet=yes"] = "takes no value", ["run --threads 0"] = "from 1 to 64, found 0",
      ["listen --port 70000"] = "from 0 to 65535", ["events --limit -1"] = "found %-1", ["events paint"] = 'no "paint"',
      ["replay dlv_1 --event x"] = "expects an ID, or", ["publish --batch a b"] = "one FILE",
      ["subscriptions add http://x/ --filter y"] = "PATH=TEXT", ["subscriptions add http://x/ --header y"] = "Name: value",
      ["subscriptions add http://x/ --retry 1,,2"] = "commas", ["subscriptions add http://x/ --rate 5"] = "COUNT/SECONDS", ["subscriptions add http://x/ --url http://y/"] = "as a word",
      ["subscriptions update sub_1"] = "something to change",
      ["deliveries --since soon"] = "90s, 30m", ["replay --since 1y"] = "90s, 30m",
    }
    for line, sentence in pairs(lines) do
      local code, _, complaint = run(line)
      assert.equal(2, code, line)
      assert.matches(sentence, complaint)
      assert.not_matches("traceback", complaint)
    end
  end)

  it("says what failed, and exits with 1", function()
    json "tokens add"
    local lines = {
      ["subscriptions show sub_0000000000009"] = "no such subscription", ["subscriptions add ftp://x/"] = "url",
      ["deliveries body dlv_1"] = "no such delivery", ["deliveries --state lost"] = "expected waiting",
      ["subscriptions list --state lost"] = "state: expected", ["publish order.paid /nowhere/x.json"] = "/nowhere/x.json",
      ["events show nothing"] = "no such event", ["publish order.paid " .. shell.write "{oops"] = "payload",
      ["subscriptions add https://example.com/ --rule " .. shell.write "return +"] = "rule: line 1",
      ["publish a /"] = "directory", ["verify / --secret x --header y:z"] = "directory", ["events --store /nowhere/x.db"] = "nowhere",
    }
    for line, sentence in pairs(lines) do
      local code, _, complaint = run(line)
      assert.equal(1, code, line)
      assert.matches(sentence, complaint)
      assert.not_matches("traceback", complaint)
    end
  end)

  it("tells scripts of a failure in JSON", function()
    local code, output, complaint = run "events show nothing --json"
    assert.equal(1, code)
    assert.equal("", output)
    assert.equal("not_found", webhook.decode(complaint).code)
    code, _, complaint = run "publsh --json"
    assert.equal(2, code)
    assert.equal("usage", webhook.decode(complaint).code)
    _, _, complaint = run "publish a /nowhere/x.json --json"
    assert.equal("io", webhook.decode(complaint).code)
  end)

  it("ends a receiver that is told to stop without complaint", function()
    for _, signal in ipairs { "INT", "TERM" } do
      local receiver = shell.start(shell.webhook "listen --port 0")
      receiver.wait_for "http://"
      assert.is_true(receiver.stop(signal))
      assert.matches("^listening on %S+\n$", receiver.output())
    end
  end)

  it("shows of a request what is wrong with it, or its number", function()
    local secret = webhook.secret()
    local receiver = shell.start(shell.webhook("listen --port 0 --count 2 --json --secret " .. secret))
    local url = receiver.wait_for '(http://[^"%s]+)'
    local now = os.time()
    local headers = { "webhook-id: m", "webhook-timestamp: " .. now, "webhook-signature: " .. webhook.sign(secret, "m", now, "{}"),
      "webhook-sequence: 9007199254740993" }
    for _, body in ipairs { "{}", "{1}" } do
      shell.run(("curl -m 20 -s -H '%s' -d '%s' %s"):format(table.concat(headers, "' -H '"), body, url))
    end
    receiver.wait_for '"body":"{1}".*\n'
    local shown = {}
    for line in receiver.output():gmatch "{[^\n]+" do shown[#shown + 1] = webhook.decode(line) end
    assert.matches("^http://127.0.0.1:%d+/$", table.remove(shown, 1).url)
    assert.same({ true, 9007199254740993, "standard" }, { shown[1].verified, shown[1].sequence, shown[1].format })
    assert.is_nil(shown[1].problem)
    assert.same({ false, "signature_mismatch" }, { shown[2].verified, shown[2].code })
    assert.is_string(shown[2].problem)
    assert.is_nil(shown[2].sequence)
    receiver.stop()
  end)

  it("takes requests as HTTP/1.1 has them", function()
    local receiver = shell.start(shell.webhook "listen --port 0 --count 4 --json")
    local url = receiver.wait_for '(http://[^"%s]+)'
    local function curl(words) return select(2, shell.run("curl -m 20 -s " .. words .. " " .. url)) end
    local began = os.time()
    assert.equal("200", curl "-o /dev/null -w '%{http_code}' -H 'Transfer-Encoding: chunked' -d '{\"a\":1}'")
    assert.matches("^HTTP/1.1 100 Continue\r\n", curl "-i -H 'Expect: 100-continue' -d '{\"a\":2}'")
    assert.matches("^HTTP/1.1 200 .*\r\n\r\n$", curl "-I")
    assert.equal("413", curl("-o /dev/null -w '%{http_code}' --data-binary @" .. shell.write(("x"):rep(2097153))))
    assert.equal("200", curl "-o /dev/null -w '%{http_code}' -H 'X-A: 1' -H 'X-A: 2' -d '{\"a\":3}'")
    assert.is_true(os.time() - began < 10)
    local bodies = {}
    for line in receiver.output():gmatch "{[^\n]+" do
      local shown = webhook.decode(line)
      bodies[#bodies + 1] = shown.body
      if shown.body == '{"a":3}' then assert.equal("1, 2", shown.headers["x-a"]) end
    end
    assert.same({ '{"a":1}', '{"a":2}', "", '{"a":3}' }, bodies)
    receiver.stop()
  end)

  it("shows requests that are no text", function()
    local receiver = shell.start(shell.webhook "listen --port 0 --count 1 --json")
    local url = receiver.wait_for '(http://[^"%s]+)'
    shell.run(("printf '\\377\\033' | curl -m 20 -s --data-binary @- %s"):format(url))
    assert.equal("?\27", webhook.decode(receiver.wait_for '({"body".-})\n').body)
  end)
end)
