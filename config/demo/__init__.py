"""The demo's data: invented people, firms and brands, through the services that real ones use.

Copy a file of this folder to add a room's data, and call it from `config.demo.tell`.
"""
