"""Charts and kustomizations are linted as what comes out of them, and findings name the template."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import CLEAN, JOB, WITHOUT_TTL, Command, folder_of, put

from lint.rendering import MisuseError, Settings, entries, settings
from lint.source import origin
from lint.walk import Rendered, Unreadable

pytestmark = pytest.mark.usefixtures("folder")

STREAM = f"---\n# Source: shop/templates/job.yaml\n{WITHOUT_TTL}"
TEMPLATE = "kind: Job\nmetadata: {{ toYaml .Values.metadata }}\n"
CHART = "apiVersion: v2\nname: shop\nversion: 0.1.0\n"

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write programs into a folder, which from now on is all that a program is looked for in."""
    programs = tmp_path_factory.mktemp("programs")
    monkeypatch.setenv("PATH", str(programs))

    def write(name: str, script: str) -> None:
        (programs / name).write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        (programs / name).chmod(0o755)

    return write


@pytest.fixture
def helm(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install a helm that gives a Job of the chart `shop`, and return the file with its arguments."""
    told = tmp_path_factory.mktemp("told")
    (told / "stream").write_text(STREAM)
    install("helm", f"printf '%s\\n' \"$@\" >> {told}/arguments\ncat {told}/stream")
    return told / "arguments"


def shown(paths: list[str]) -> list[str]:
    """Return what is read, by the names that are shown."""
    return [one if isinstance(one, str) else one.path for one in entries(paths, Settings())]


def test_the_template_stands_below_the_line_of_the_stream(jobwarden: Command) -> None:
    done = jobwarden("lint", "-", stdin=STREAM.encode())

    assert done.returncode == 1
    assert done.stdout.startswith(
        "<stdin>:7:1: warning[ttl-missing] spec.ttlSecondsAfterFinished: "
        "the Job and its Pods stay in the cluster for ever after they finish\n"
        "   |\n"
        " 7 | spec:\n"
        "   | ^^^^\n"
        "   = source: shop/templates/job.yaml\n"
        "   = fix: set ttlSecondsAfterFinished: 86400\n"
    )


@pytest.mark.parametrize("name", ["concise", "github", "gitlab", "junit", "sarif"])
def test_each_format_tells_the_template(jobwarden: Command, name: str) -> None:
    told = jobwarden("lint", "--format", name, "-", stdin=STREAM.encode()).stdout

    assert "they finish (source: shop/templates/job.yaml)" in told


def test_reports_for_programs_have_a_field_of_it(jobwarden: Command) -> None:
    stream = (STREAM + "---\n" + WITHOUT_TTL).encode()

    report = json.loads(jobwarden("lint", "--format", "json", "-", stdin=stream).stdout)
    sarif = json.loads(jobwarden("lint", "--format", "sarif", "-", stdin=stream).stdout)

    source = "shop/templates/job.yaml"
    assert [one.get("source") for one in report["findings"]] == [source, None]
    assert [one["properties"].get("source") for one in sarif["runs"][0]["results"]] == [source, None]


def test_a_verdict_names_the_template(jobwarden: Command) -> None:
    done = jobwarden("lint", "--as-admission", "-", stdin=STREAM.encode())
    report = json.loads(
        jobwarden("lint", "--as-admission", "--format", "json", "-", stdin=STREAM.encode()).stdout
    )

    assert "<stdin>:3: Job report: patched\n  source: shop/templates/job.yaml\n" in done.stdout
    assert report["admissions"][0]["source"] == "shop/templates/job.yaml"


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("# Source: shop/templates/a job.yaml\r\nkind: Job\n", "shop/templates/a job.yaml"),
        ("# Source: shop/charts/db/templates/job.yaml", "shop/charts/db/templates/job.yaml"),
        ("# Source: https://example.com/templates/job.yaml\n", ""),
        ("# Source: the old cluster\n", ""),
        ("kind: Job\n# Source: shop/templates/job.yaml\n", ""),
    ],
)
def test_only_the_line_that_helm_writes_names_a_template(text: str, template: str) -> None:
    assert origin(text) == template


@pytest.mark.usefixtures("helm")
def test_a_chart_is_read_as_what_comes_out_of_it(jobwarden: Command) -> None:
    put("shop/Chart.yaml", CHART)
    put("shop/templates/job.yaml", TEMPLATE)
    put("job.yaml", CLEAN)

    done = jobwarden("lint", "--render", "--format", "concise")

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        "shop (rendered):7:1: warning[ttl-missing] spec.ttlSecondsAfterFinished: the Job and its Pods stay "
        "in the cluster for ever after they finish (source: shop/templates/job.yaml)\n"
        "1 finding (1 warning); read 2 files: 2 Jobs, 0 CronJobs\n"
    )


@pytest.mark.usefixtures("helm")
def test_without_render_no_program_runs(jobwarden: Command, helm: Path) -> None:
    put("shop/Chart.yaml", CHART)
    put("shop/templates/job.yaml", TEMPLATE)

    done = jobwarden("lint")

    assert done.stdout == "no findings; read 2 files: 0 Jobs, 0 CronJobs, 1 template\n"
    assert not helm.exists()


def test_values_and_the_version_are_handed_on(jobwarden: Command, helm: Path) -> None:
    put("-shop/Chart.yaml", CHART)
    put("prod.yaml", "")
    put("a,b.yaml", "")
    here = Path.cwd()

    jobwarden(
        "lint", "--render", "--values", "prod.yaml", "--values=a,b.yaml", "--kubernetes-version", "1.34", "."
    )

    assert helm.read_text().splitlines() == [
        "template",
        "--kube-version=1.34",
        f"--values={here}/prod.yaml",
        f'--values="{here}/a,b.yaml"',
        f"{here}/-shop",
    ]


def test_the_environment_is_handed_on(jobwarden: Command, install: Install) -> None:
    put("shop/Chart.yaml", CHART)
    install("helm", 'echo "kind: Job"; echo "name: $HELM_NAMESPACE]"')

    done = jobwarden("lint", "--render", "--format", "json", HELM_NAMESPACE="[")

    assert json.loads(done.stdout)["summary"]["documents"] == 1


def test_charts_of_charts_library_charts_and_components_are_not_rendered_by_themselves(
    install: Install,
) -> None:
    install("helm", "")
    install("kustomize", "")
    for folder in ("shop", "shop/charts/db", "shop/templates/odd", "shop/more/own"):
        put(f"{folder}/Chart.yaml", CHART)
    put("shop/values.yaml", "")
    put("shop.yaml", "")
    put("lib/Chart.yaml", f"{CHART}type: library\n")
    put("part/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n")
    put("part/Kustomization", "kind: Component\n")
    put("odd-Kustomization", "")

    assert shown(["."]) == [
        "lib/Chart.yaml",
        "part/kustomization.yaml",
        "shop (rendered)",
        "shop.yaml",
        "shop/more/own (rendered)",
    ]


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
@pytest.mark.parametrize("path", [".", "./base/", "base/{name}"])
def test_every_name_of_a_kustomization_is_known(install: Install, name: str, path: str) -> None:
    install("kustomize", f"cat <<'END'\n{JOB}END")
    put(f"base/{name}", "resources: [job.yaml]\n")
    put("base/job.yaml", JOB)

    (one,) = entries([path.format(name=name)], Settings())

    assert isinstance(one, Rendered)
    assert one.data.decode() == JOB


def test_a_folder_that_is_given_twice_is_rendered_once(helm: Path) -> None:
    put("shop/Chart.yaml", CHART)

    assert shown([".", "shop", str(Path("shop").absolute())]) == ["shop (rendered)"]
    assert helm.read_text().count("template\n") == 1


@pytest.mark.usefixtures("helm")
def test_the_standard_input_is_read_besides() -> None:
    put("Chart.yaml", CHART)

    assert shown(["-", "."]) == ["-", ". (rendered)"]


def test_a_missing_program_is_told_and_the_rest_goes_on(jobwarden: Command, install: Install) -> None:
    install("other", "")
    put("charts/shop/Chart.yaml", CHART)
    put("charts/base/kustomization.yaml", "")
    put("charts/job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", "--render")

    assert done.stderr == (
        "charts/base: cannot be read: neither kustomize nor kubectl is installed: "
        "install one of them, or leave out --render\n"
        "charts/shop: cannot be read: helm is not installed: install it, or leave out --render\n"
    )
    assert "ttl-missing" in done.stdout
    assert done.returncode == 1
    Path("charts/job.yaml").unlink()
    done = jobwarden("lint", "--render")
    assert (done.returncode, done.stderr.count("\n")) == (2, 2)


@pytest.mark.parametrize("path", [".", "shop", "shop/"])
def test_a_render_that_fails_is_told_with_its_error(jobwarden: Command, install: Install, path: str) -> None:
    put("shop/Chart.yaml", CHART)
    put("other/Chart.yaml", CHART)
    install(
        "helm",
        f"""case $2 in */other) printf '%s' '{STREAM}'; exit;; esac
        echo 'WARNING: your configuration is readable by all' >&2
        echo 'Error: values do not meet the schema of shop:\n- name: wanted' >&2
        printf '\nUse --debug flag to render out invalid YAML\n' >&2
        exit 1""",
    )

    done = jobwarden("lint", "--render", path, "other")

    assert done.stderr == (
        f"{'shop' if path == '.' else path}: cannot be read: `helm template` failed: "
        "values do not meet the schema of shop: - name: wanted\n"
    )
    assert "other (rendered):7:1: warning[ttl-missing]" in done.stdout
    assert done.returncode == (1 if path == "." else 2)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('echo \'E1 run.go:72] "command failed" err="no \\"x\\" here"\' >&2; exit 1', 'no "x" here'),
        ("exit 7", "its exit status is 7, and it said nothing"),
        ("kill -9 $$", "signal 9 ended it"),
        ("echo plain >&2; exit 1", "plain"),
    ],
)
def test_errors_are_found_in_what_programs_write(install: Install, script: str, reason: str) -> None:
    put("kustomization.yaml", "")
    install("kubectl", script)

    assert entries(["."], Settings()) == [Unreadable(".", f"`kubectl kustomize` failed: {reason}")]


def test_a_program_that_takes_too_long_ends_with_all_that_it_started(install: Install, folder: Path) -> None:
    put("Chart.yaml", CHART)
    install("helm", f"(sleep 1; touch {folder}/late) & sleep 30")
    begun = time.monotonic()

    found = entries(["."], Settings(seconds=0.2))

    assert found == [Unreadable(".", "`helm template` took longer than 0.2 seconds")]
    assert time.monotonic() - begun < 5
    time.sleep(1.2)
    assert not Path("late").exists()


def test_a_program_that_cannot_be_started_is_told(install: Install) -> None:
    put("Chart.yaml", CHART)
    install("helm", "")
    Path(os.environ["PATH"], "helm").write_text("#!/no/such/shell\n")

    assert entries(["."], Settings()) == [
        Unreadable(".", "`helm template` cannot be started: no such file or directory")
    ]


def test_a_program_has_no_input_and_no_terminal(install: Install) -> None:
    put("Chart.yaml", CHART)
    install("helm", "cat; (: < /dev/tty) 2> /dev/null || echo none")

    (one,) = entries(["."], Settings())

    assert isinstance(one, Rendered)
    assert one.data == b"none\n"


@pytest.mark.usefixtures("helm")
@pytest.mark.parametrize("option", ["--fix", "--diff"])
def test_fixes_are_made_in_files_only_and_that_is_told_once(jobwarden: Command, option: str) -> None:
    for name in ("shop", "other"):
        put(f"{name}/Chart.yaml", CHART)
        put(f"{name}/templates/job.yaml", TEMPLATE)
    put("job.yaml", WITHOUT_TTL)
    before = {path: path.read_bytes() for path in Path().glob("*/**/*.yaml")}

    done = jobwarden("lint", "--render", option)

    assert done.stderr.splitlines()[0] == "what is rendered is not fixed: mend what it is made from"
    assert done.stderr.count("rendered") == 1
    assert {path: path.read_bytes() for path in Path().glob("*/**/*.yaml")} == before
    assert ("ttlSeconds" in Path("job.yaml").read_text()) == (option == "--fix")
    assert done.returncode == 1
    assert sorted(os.listdir()) == ["job.yaml", "other", "shop"]


@pytest.mark.usefixtures("helm")
def test_what_is_rendered_is_not_counted_as_fixable_and_sarif_offers_no_change_of_it(
    jobwarden: Command,
) -> None:
    put("shop/Chart.yaml", CHART)

    report = json.loads(jobwarden("lint", "--render", "--format", "json").stdout)
    sarif = json.loads(jobwarden("lint", "--render", "--format", "sarif").stdout)

    assert (report["summary"]["warnings"], report["summary"]["fixable"]) == (1, 0)
    (result,) = sarif["runs"][0]["results"]
    assert "fixes" not in result
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location["uri"] == "shop%20%28rendered%29"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--render", "--values", "no.yaml"], "--values no.yaml: no such file"),
        (["--render", "--values", "."], "--values .: not a file"),
        (
            ["--values", "job.yaml"],
            "--values has values for the charts that --render renders: give it as well",
        ),
    ],
)
def test_misuse_is_told_with_its_mend(jobwarden: Command, options: list[str], message: str) -> None:
    put("job.yaml", CLEAN)

    done = jobwarden("lint", *options)

    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"jobwarden: {message}\n")


def test_values_are_files_since_a_program_could_fetch_others() -> None:
    with pytest.raises(MisuseError, match=r"--values https://example\.com/v\.yaml: no such file"):
        settings(["https://example.com/v.yaml"], "")


def test_kubectl_renders_an_overlay(jobwarden: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder_of("KUBEBUILDER_ASSETS")))
    put("base/kustomization.yaml", "resources: [job.yaml]\n")
    put("base/job.yaml", CLEAN)
    put("overlays/prod/kustomization.yaml", "resources: [../../base]\npatches: [{path: patch.yaml}]\n")
    put(
        "overlays/prod/patch.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: report}\nspec: {ttlSecondsAfterFinished: null}\n",
    )
    put("overlays/broken/kustomization.yaml", "resources: [nothing.yaml]\n")

    done = jobwarden("lint", "--render", "--format", "concise")

    assert done.returncode == 1
    assert done.stdout.startswith("overlays/prod (rendered):5:1: warning[ttl-missing] ")
    assert done.stdout.endswith("1 finding (1 warning); read 2 files: 2 Jobs, 0 CronJobs, 1 unreadable\n")
    assert done.stderr.startswith(
        "overlays/broken: cannot be read: `kubectl kustomize` failed: "
    )  # the kubectl of our assets says no more; that of its makers does
