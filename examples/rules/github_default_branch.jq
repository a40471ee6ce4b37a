# The same decision in jq, for the test against GitHub's own payloads.
select(.ref == "refs/heads/" + .repository.default_branch and (.deleted | not))
| { repository: .repository.full_name, commit: .after, before, forced, by: .pusher.name, commits: (.commits | length) }
