package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

-- The example in GitHub's documentation.
local github = { ["X-Hub-Signature-256"] = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" }
local hello, secret = "Hello, World!", "It's a Secret to Everybody"

local function refuses(expected, ...)
  local ok, message, code = webhook.verify(...)
  assert.is_nil(ok)
  assert.is_string(message)
  assert.equal(expected, code)
end

describe("verify with a format", function()
  it("checks what the named sender signed, and gives its name back", function()
    assert.same({ true, "github" }, { webhook.verify(github, hello, secret, { format = "github" }) })
    assert.same({ true, "github" }, { webhook.verify(github, hello, { "other", secret }, { format = "auto" }) })
    refuses("signature_mismatch", github, hello .. "!", secret, { format = "github" })
    refuses("signature_mismatch", github, hello, "other", { format = "auto" })
  end)

  it("stays Standard Webhooks without one", function()
    refuses("signature_header", github, hello, secret)
    local key = webhook.secret()
    local now = os.time()
    local headers = { ["webhook-id"] = "m", ["webhook-timestamp"] = tostring(now), ["webhook-signature"] = webhook.sign(key, "m", now, "{}") }
    assert.same({ true, "standard" }, { webhook.verify(headers, "{}", key) })
    assert.same({ true, "standard" }, { webhook.verify(headers, "{}", key, { format = "auto" }) })
  end)

  it("finds Unified.to's signature in the body", function()
    local body = '{"data":[{"id":"1"}],"nonce":"abc123","sig256":"5669ff753c5cac595816f5623859677b5e016b0d78d0564b10cc5f13810ea04f"}'
    assert.same({ true, "unified" }, { webhook.verify({}, body, "workspace-secret", { format = "auto" }) })
    refuses("signature_mismatch", {}, body:gsub("abc", "abd"), "workspace-secret", { format = "auto" })
  end)

  it("refuses the headers of two senders", function()
    local both = { ["x-shopify-hmac-sha256"] = "AA==", ["X-Hub-Signature-256"] = github["X-Hub-Signature-256"] }
    refuses("signature_format", both, hello, secret, { format = "auto" })
    assert.is_true((webhook.verify(both, hello, secret, { format = "github" })))
  end)

  it("needs method and url where HTTP signatures cover them", function()
    local headers = {
      ["Content-Digest"] = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
      ["Signature-Input"] = 'a=("@method" "@path" "content-digest");created=1700000000',
      Signature = "a=:1diewLRPty6lUsHXEGIlvi8t68H86WRh4mpYMrTdbsM=:",
    }
    local options = { format = "rfc9421", now = 1700000000000, url = "/hooks", method = "PUT" }
    local body = '{"hello": "world"}'
    assert.is_true((webhook.verify(headers, body, "plain", options)))
    refuses("signature_mismatch", headers, body, "plain", { format = "rfc9421", now = 1700000000000, url = "/hooks" })
    refuses("signature_format", headers, body, "plain", { format = "rfc9421", now = 1700000000000, method = "PUT" })
    refuses("signature_mismatch", headers, body .. " ", "plain", options)
  end)

  it("passes over headers that are no text, and refuses those with a zero byte", function()
    local headers = { ["X-Hub-Signature-256"] = github["X-Hub-Signature-256"], cookie = { "a" }, ["content-length"] = 13 }
    assert.is_true((webhook.verify(headers, hello, secret, { format = "github" })))
    headers["x-zero"] = "\0"
    refuses("invalid", headers, hello, secret, { format = "github" })
    refuses("signature_header", { ["X-Hub-Signature-256"] = { 1 } }, hello, secret, { format = "github" })
  end)

  it("reads a header that a server gives as a list of its values", function()
    local value = github["X-Hub-Signature-256"]
    assert.is_true((webhook.verify({ ["X-Hub-Signature-256"] = { value } }, hello, secret, { format = "github" })))
    assert.is_true((webhook.verify({ ["X-Hub-Signature-256"] = { value }, cookie = { 1 } }, hello, secret, { format = "auto" })))
    refuses("signature_format", { ["X-Hub-Signature-256"] = { value, value } }, hello, secret, { format = "github" })
    refuses("signature_header", { ["X-Hub-Signature-256"] = {} }, hello, secret, { format = "github" })
    refuses("invalid", { ["X-Hub-Signature-256"] = { value .. "\0" } }, hello, secret, { format = "github" })
  end)

  it("says what is wrong with a format, a secret, an option", function()
    refuses("invalid", github, hello, secret, { format = "gitlab" })
    refuses("secret", github, hello, "", { format = "github" })
    assert.has_error(function() webhook.verify(github, hello, secret, { format = 1 }) end)
    assert.has_error(function() webhook.verify(github, hello, secret, { formats = "github" }) end)
  end)
end)

describe("the command verify", function()
  after_each(shell.clean)

  it("takes a format", function()
    local words = ("verify %s --secret \"%s\" --header 'X-Hub-Signature-256: %s'"):format(shell.write(hello), secret, github["X-Hub-Signature-256"])
    assert.equal(0, (shell.run(shell.webhook(words .. " --format github"))))
    local code, output = shell.run(shell.webhook(words .. " --header 'Webhook-Sequence: 7' --format auto --json"))
    assert.equal(0, code)
    assert.same({ verified = true, format = "github", sequence = 7 }, webhook.decode(output))
    local _, _, complaint = shell.run(shell.webhook(words .. " --format stripe"))
    assert.matches("stripe%-signature: missing", complaint)
    assert.equal(1, (shell.run(shell.webhook(words))))
    assert.equal(1, (shell.run(shell.webhook(words .. " --format nobody"))))
  end)
end)
