# The same message in jq, for the test against GitHub's own payloads.
def plain: gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub(">"; "&gt;");
select(.action == "opened" and .sender.type != "Bot" and (.pull_request // .issue))
| (.pull_request // .issue) as $subject
| (if .pull_request then (if $subject.draft then "a draft" else "a pull request" end) else "an issue" end) as $kind
| "\(.sender.login | plain) opened \($kind) in \(.repository.full_name | plain): <\($subject.html_url)|#\($subject.number) \($subject.title | plain)>" as $line
| { text: $line, blocks: [{ type: "section", text: { type: "mrkdwn", text: $line } }] }
