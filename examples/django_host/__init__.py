r"""A small MIS on Django that shares data by agreement: only what a host writes itself.

`mis` is the host's own app: its tables, a directory of people over them, and the one function that brings the parts
together. Agreements, messages, the admin's pages and the commands come with the app `datashare.adapters.django`::

    python -m django migrate --settings examples.django_host.settings
    python -m django datashare_register examples/data/edubasealldata20250718_sample.csv.gz \
        examples/data/allgroupsdata20220331_resaved_sample.csv.gz --settings examples.django_host.settings
"""
