import asyncio
import pathlib
import sys


async def test_the_readmes_example_runs_to_its_end(env):
    example = pathlib.Path(__file__).with_name("readme_example.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(example),
        env.client.service_client.config.target_host,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    lines = output.decode().splitlines()
    assert process.returncode == 0, errors.decode()
    assert [line for line in lines if line.startswith("charging 42")] == [
        "charging 42, attempt 1",
        "charging 42, attempt 2",
        "charging 42, attempt 3",
    ]
    assert lines[-1] == "receipt-3 for 1 Harbour Street, delivered"


def test_the_readme_shows_the_example_as_it_is():
    here = pathlib.Path(__file__)
    readme = (here.parents[3] / "README.md").read_text()
    assert f"```python\n{here.with_name('readme_example.py').read_text()}```\n" in readme
