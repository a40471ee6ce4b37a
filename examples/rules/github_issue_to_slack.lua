-- GitHub: an issue or a pull request that was opened becomes a message for a channel of Slack.
--
--   hooks:subscribe {
--     url = "https://hooks.slack.com/services/…",
--     events = { "github.issues", "github.pull_request" },
--     rule = <this file>,
--   }
--
-- Text from outside is escaped as Slack wants it; a robot's are left out; a long title is cut
-- at a character, not in the middle of one.

if payload.action ~= "opened" then return false end
if payload.sender.type == "Bot" then return false end

local subject = payload.pull_request or payload.issue

local function plain(text)
  if #text > 150 then text = text:sub(1, utf8.offset(text, 0, 150) - 1) .. "…" end
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local kind = payload.pull_request and (subject.draft and "a draft" or "a pull request") or "an issue"
local line = ("%s opened %s in %s: <%s|#%d %s>"):format(
  plain(payload.sender.login), kind, plain(payload.repository.full_name), subject.html_url, subject.number,
  plain(subject.title))

return {
  text = line,
  blocks = array {
    { type = "section", text = { type = "mrkdwn", text = line } },
  },
}
