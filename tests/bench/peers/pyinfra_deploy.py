"""The same with pyinfra: one operation for each person, keys included."""

from pyinfra import host
from pyinfra.operations import server

teams = host.data.prod_access_teams

for team, entry in teams.items():
    server.group(name=f"The group {team}", group=team, gid=entry["gid"])

for login, person in host.data.prod_access_people.items():
    server.user(
        name=f"The account and the keys of {login}",
        user=login,
        comment=person["name"],
        uid=person["uid"],
        shell="/bin/bash",
        create_home=True,
        groups=[team for team, entry in teams.items() if login in entry["members"]],
        public_keys=person["ssh_keys"],
        delete_keys=True,
    )
