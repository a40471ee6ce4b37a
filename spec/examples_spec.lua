package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

-- A function that counts the answers of all attempts so far, by status.
local function statuses_of(hooks)
  return function()
    local found = {}
    for delivery in hooks:deliveries() do
      for attempt in hooks:attempts(delivery.id) do
        found[attempt.status or 0] = (found[attempt.status or 0] or 0) + 1
      end
    end
    return found
  end
end

describe("webhook.http", function()
  local http = require "webhook.http"

  it("refuses a head that others may part otherwise", function()
    local function read(lines) return http.read("POST / HTTP/1.1\r\nHost: a\r\n" .. lines .. "\r\n\r\n{}", 100) end
    assert.equal("{}", read("X: a\r\nContent-Length: 2").body)
    for _, lines in ipairs { "X: a\nContent-Length: 2", "Transfer-Encoding: chunked\nX: a\r\nContent-Length: 2",
      "Content-Length: 2\r\nX: a\rY: b", "Content-Length : 2", "Content-Length: 2\r\nContent-Length: 2", "Content-Length: +2" } do
      assert.same({ false, 400 }, { read(lines) })
    end
  end)

  it("reads a request, and gives what is behind it", function()
    local bytes = "POST /a?b HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    local request, rest = http.read(bytes .. "GET")
    assert.equal("GET", rest)
    assert.same({ "POST", "/a?b", "{}", "1, 2", true }, { request.method, request.url, request.body, request.headers["x-a"], request.keep })
    assert.same({ nil, false }, { http.read(bytes:sub(1, -2)) })
    assert.same({ nil, true }, { http.read("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n") })
    assert.same({ false, 413 }, { http.read("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", 100) })
  end)

  it("writes answers, without a body where there is none", function()
    assert.equal("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", http.write({ method = "POST", keep = true }, 200, {}, "{}"))
    assert.equal("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", http.write({ method = "HEAD", keep = true }, 200, {}, "{}"))
    assert.equal("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", http.write(nil, 204))
    assert.equal("HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", http.write(nil, 431))
  end)
end)

describe("the examples", function()
  after_each(shell.clean)

  for _, name in ipairs { "plain", "luv", "cqueues" } do
    it("run: " .. name, function()
      local code, output, complaint = shell.run(("timeout 30 spec/lua '%s' examples/%s.lua"):format(shell.build, name))
      assert.equal("", complaint)
      assert.equal(0, code)
      for id = 1, 3 do assert.matches('received%s+{"id":' .. id .. "}", output) end
    end)
  end

  for _, name in ipairs { "luasocket", "luv", "cqueues" } do
    it("receive what an engine delivers: receiver_" .. name, function()
      local clock = webhook.clock(os.time() * 1000)
      local hooks <close> = assert(webhook.open(":memory:", { allow = { "127.0.0.1" }, clock = clock }))
      local secret = webhook.secret()
      local server = shell.start(("timeout 60 '%s/lua' '%s' examples/receiver_%s.lua 0 %s"):format(shell.spec, shell.build, name, secret))
      local url = ("http://127.0.0.1:%s/"):format(server.wait_for "listening%s+(%d+)")
      local statuses = statuses_of(hooks)

      local good = assert(hooks:subscribe { url = url, secrets = { secret } })
      for id = 1, 5 do assert(hooks:publish("order.paid", { id = id }, { id = "msg_" .. id })) end
      assert(hooks:run())
      assert.same({ [204] = 5 }, statuses())
      for id = 1, 5 do server.wait_for("received%s+msg_" .. id .. "%s+standard%s+{\"id\":" .. id .. "}") end

      assert.is_true(hooks:replay(hooks:deliveries()().id)) -- the same id again
      assert(hooks:run())
      assert.same({ [204] = 5, [200] = 1 }, statuses())

      assert(hooks:update(good.id, { secrets = { webhook.secret() }, retry = { 0 } }))
      assert(hooks:publish("order.paid", { id = 6 }, { id = "msg_6" })) -- forged, as the receiver sees it
      assert(hooks:run())
      assert.same({ [204] = 5, [200] = 1, [401] = 1 }, statuses())

      local answers = select(2, shell.run(("for n in 1 2; do printf 'POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 2000000\\r\\n\\r\\n' | curl -sS -m 5 telnet://127.0.0.1:%s; echo; done; curl -sS -w '%%{http_code}\\n' %s %s"):format(url:match ":(%d+)/", url, url)))
      assert.matches("413 Content Too Large.*413 Content Too Large.*405\n.*405\n", answers)
      assert.matches("100 Continue.*HTTP/1.1 401 ", select(2, shell.run("curl -sS -i -m 5 -H 'Expect: 100-continue' -H 'Transfer-Encoding: chunked' -d '{}' " .. url)))
      assert.falsy(server.output():find "msg_6")
      assert.falsy(server.output():find "failed")
      assert.is_true(server.stop())
    end)
  end
end)
