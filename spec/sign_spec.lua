local webhook = require "webhook"

-- The example of Svix' documentation, which Standard Webhooks took over.
local secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
local id, at, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}'
local expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

local function headers(signature)
  return { ["Webhook-Id"] = id, ["WEBHOOK-TIMESTAMP"] = tostring(at), ["webhook-signature"] = signature }
end

local now = { now = at * 1000 }

local function refuses(code, ...)
  local ok, message, found = webhook.verify(...)
  assert.is_nil(ok)
  assert.is_string(message)
  assert.equal(code, found)
end

describe("sign", function()
  it("makes the signature of the published example", function()
    assert.equal(expected, webhook.sign(secret, id, at, body))
    assert.equal(expected, webhook.sign({ secret }, id, at, body))
  end)

  it("signs with each secret in order", function()
    local private = webhook.keypair()
    local header = assert(webhook.sign({ private, secret }, id, at, body))
    assert.truthy(header:find("^v1a,%S+ v1,%S+$"))
  end)

  it("tells of a secret that it cannot read without repeating it", function()
    local header, message, code = webhook.sign("whsec_not base64!", id, at, body)
    assert.is_nil(header)
    assert.equal("secret", code)
    assert.falsy(message:find "not base64!")
    assert.is_nil(webhook.sign({}, id, at, body))
  end)

  it("makes fresh secrets", function()
    assert.truthy(webhook.secret():find "^whsec_")
    assert.not_equal(webhook.secret(), webhook.secret())
    local private, public = webhook.keypair()
    assert.truthy(private:find "^whsk_")
    assert.truthy(public:find "^whpk_")
  end)
end)

describe("verify", function()
  it("accepts names of headers in any case, and one secret or a list", function()
    assert.is_true(webhook.verify(headers(expected), body, secret, now))
    assert.is_true(webhook.verify(headers(expected), body, { webhook.secret(), secret }, now))
  end)

  it("accepts svix- headers", function()
    local given = { ["svix-id"] = id, ["svix-timestamp"] = tostring(at), ["svix-signature"] = expected }
    assert.is_true(webhook.verify(given, body, secret, now))
  end)

  it("accepts a pair's public key", function()
    local private, public = webhook.keypair()
    assert.is_true(webhook.verify(headers(webhook.sign(private, id, at, body)), body, public, now))
    local _, other = webhook.keypair()
    refuses("signature_mismatch", headers(webhook.sign(private, id, at, body)), body, other, now)
  end)

  it("reads a header that a server gives as a list of its values", function()
    local given = {}
    for name, value in pairs(headers(expected)) do given[name] = { value } end
    assert.is_true(webhook.verify(given, body, secret, now))
    given["webhook-sequence"] = { "7" }
    assert.equal(7, select(3, webhook.verify(given, body, secret, now)))
    given["Webhook-Id"][2] = id
    refuses("signature_format", given, body, secret, now)
  end)

  it("does not mind other headers, whatever they hold", function()
    local given = headers(expected)
    given.cookie, given["content-length"], given["x-zero"] = { "a", "b" }, 20, "\0"
    assert.is_true(webhook.verify(given, body, secret, now))
  end)

  it("says which check failed", function()
    refuses("signature_header", {}, body, secret, now)
    refuses("signature_format", headers "v1", body, secret, now)
    refuses("signature_mismatch", headers(expected), body .. " ", secret, now)
    refuses("signature_mismatch", headers(expected), body, webhook.secret(), now)
    refuses("signature_old", headers(expected), body, secret)
    refuses("signature_new", headers(expected), body, secret, { now = (at - 301) * 1000 })
    refuses("secret", headers(expected), body, "whsec_!", now)
    refuses("invalid", headers(expected .. "\0"), body, secret, now)
  end)

  it("lets the time be wider or not checked at all", function()
    assert.is_true(webhook.verify(headers(expected), body, secret, { now = (at + 900) * 1000, tolerance = 900 }))
    assert.is_true(webhook.verify(headers(expected), body, secret, { tolerance = -1 }))
  end)
end)
