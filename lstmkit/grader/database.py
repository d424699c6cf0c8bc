"""nbgrader's database: opening it, one transaction at a time, and an assignment's cells in it.

nbgrader's tables are used as they are, its Gradebook is not: that commits after every row, which is slow and leaves
half a submission behind when it is killed.  SQLite keeps its rollback journal; its write-ahead log would be faster, but
it needs memory that all processes share, which a network drive has not.
"""

import itertools
import json
import random
import time
from pathlib import Path
from uuid import uuid4

from lstmkit.grader.course import Wrong

PATIENCE = 60  # seconds for which another program may hold the database
TRIES = 6


def tables():
    """nbgrader's tables by name."""
    from nbgrader.api import Base

    return Base.metadata.tables


def connect(db_url):
    """An engine on the database; Wrong if there is no driver for it.  Nothing is opened yet.

    Transactions that write wait for each other from their begin.  Say execution_options(reads=True) for one that does
    not write.
    """
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        url = sqlalchemy.make_url(db_url)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")  # which driver is meant depends on SQLAlchemy's version
        if url.get_backend_name() != "sqlite":
            return sqlalchemy.create_engine(url, pool_pre_ping=True)
        engine = sqlalchemy.create_engine(url, connect_args={"timeout": PATIENCE})
    except ModuleNotFoundError as error:
        raise Wrong(
            f"the gradebook {url.render_as_string()} needs the Python package {error.name}, which is not installed: "
            'pip install "psycopg[binary]" for PostgreSQL'
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise Wrong(
            f"the gradebook's address is not one that SQLAlchemy knows ({type(error).__name__}); it should be like "
            "sqlite:////path/to/gradebook.db or postgresql://user:password@host/database"
        ) from error

    @sqlalchemy.event.listens_for(engine, "begin")
    def begin(connection):
        # Two that begin by reading and go on to write would fail each other; so the right to write is taken first.
        reads = connection.get_execution_options().get("reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def transact(engine, work, reads=False):
    """work(connection) in one transaction; again if another program was in the way; Wrong if it stays so."""
    from sqlalchemy.exc import DBAPIError

    ends = time.monotonic() + PATIENCE
    for attempt in itertools.count(1):
        try:
            with engine.connect().execution_options(reads=reads) as connection, connection.begin():
                return work(connection)
        except DBAPIError as error:
            if attempt == TRIES or time.monotonic() > ends:
                raise Wrong(
                    f"the gradebook {engine.url.render_as_string()} cannot be used: {str(error.orig).strip()}. If it "
                    "is locked, end the program that holds it; if a column or table is missing, make a copy and run "
                    "`nbgrader db upgrade`. Nothing of this step was written"
                ) from error
            time.sleep(random.uniform(0.02, 0.1) * attempt)


def create(connection, course_id):
    """Make nbgrader's tables where there are none, and the course; as nbgrader does, without calling `alembic`."""
    import nbgrader
    import sqlalchemy
    from alembic.script import ScriptDirectory

    t = tables()
    new = not sqlalchemy.inspect(connection).get_table_names()
    t["course"].metadata.create_all(connection)
    if new:
        head = ScriptDirectory(str(Path(nbgrader.__file__).parent / "alembic")).get_current_head()
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql(f"INSERT INTO alembic_version (version_num) VALUES ('{head}')")
    if not connection.execute(t["course"].select().where(t["course"].c.id == course_id)).first():
        connection.execute(t["course"].insert().values(id=course_id))


def from_source(course, assignment):
    """An assignment's notebook as nbgrader saves its cells, and as it is released; Wrong if there is no source.

    The steps are those of `nbgrader generate_assignment` in this course's configuration.
    """
    import nbformat
    from nbgrader.converters import GenerateAssignment
    from traitlets.config import Config
    from traitlets.utils.importstring import import_item

    path = course.notebook("source", assignment)
    if not path.is_file():
        known = ", ".join(course.assignments()) or "none"
        raise Wrong(
            f"there is no {path}, and without its source the assignment {assignment!r} cannot be graded. The course "
            f"has the assignments: {known}"
        )
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises many kinds
        raise Wrong(f"{path} is not a notebook that can be read ({error}); build it again") from error
    config, saved = Config(course.config), None
    here = {"student": ".", "assignment": assignment, "notebook": assignment, "db_url": course.db_url}
    resources = {"nbgrader": here, "metadata": {"path": str(path.parent)}, "unique_key": assignment}
    for step in GenerateAssignment(coursedir=course.directory, config=config).preprocessors:
        step = import_item(step) if isinstance(step, str) else step
        if step.__name__ == "SaveCells":
            saved = nbformat.from_dict(json.loads(json.dumps(notebook)))
        else:
            notebook, resources = step(config=config)(notebook, resources)
    if saved is None:
        raise Wrong("c.GenerateAssignment.preprocessors in nbgrader_config.py has no SaveCells; put it back")
    return saved, notebook


def keep_cells(connection, course, assignment, saved):
    """Make the assignment, its notebook and cells, or bring them up to date; (assignment's id, notebook's id).

    Wrong if cells come or go while there are submissions: their grades would hang in the air.
    """
    t, course_id = tables(), course.directory.course_id or "default_course"
    row = connection.execute(t["assignment"].select().where(t["assignment"].c.name == assignment)).first()
    assignment_id = row.id if row else uuid4().hex
    if not row:
        connection.execute(t["assignment"].insert().values(id=assignment_id, name=assignment, course_id=course_id))
    notebooks = connection.execute(t["notebook"].select().where(t["notebook"].c.assignment_id == assignment_id)).all()
    if others := [row.name for row in notebooks if row.name != assignment]:
        raise Wrong(
            f"in the gradebook the assignment {assignment!r} has the notebook {others[0]!r} too; this grader knows one "
            f"notebook for an assignment, {assignment}.ipynb. Remove it with nbgrader, or grade in another gradebook"
        )
    wanted = _wanted(assignment, saved)
    here = notebooks[0].id if notebooks else None
    there = _there(connection, here) if here else {}
    if here and {kind: set(rows) for kind, rows in there.items()} != {kind: set(rows) for kind, rows in wanted.items()}:
        submitted = t["submitted_notebook"].select().where(t["submitted_notebook"].c.notebook_id == here)
        if connection.execute(submitted).first():
            names = sorted({name for kind in wanted for name in set(wanted[kind]) ^ set(there[kind])})
            raise Wrong(
                f"the source of {assignment!r} and the gradebook differ in the cells {', '.join(names)}, and there are "
                "submissions already. Put the source back as it was, or start with another gradebook"
            )
        _remove(connection, here)
        here = None
    if not here:
        here, there = uuid4().hex, {kind: {} for kind in wanted}
        spec = json.dumps(saved.metadata.get("kernelspec", {}))
        values = {"id": here, "name": assignment, "assignment_id": assignment_id, "kernelspec": spec}
        connection.execute(t["notebook"].insert().values(**values))
    for kind, rows in wanted.items():
        for name, values in rows.items():
            _write(connection, kind, here, name, values, there[kind].get(name))
    return assignment_id, here


def _wanted(assignment, saved):
    """{"GradeCell", "SolutionCell", "SourceCell": {name: columns}} as nbgrader's SaveCells makes them."""
    from nbgrader import utils

    wanted = {"GradeCell": {}, "SolutionCell": {}, "SourceCell": {}}
    for cell in saved.cells:
        if utils.is_task(cell):
            raise Wrong(
                f"the source of {assignment!r} has a task cell, {cell.metadata.nbgrader.grade_id!r}, which this grader "
                "does not know; make it a question that a person marks"
            )
        grade, solution = utils.is_grade(cell), utils.is_solution(cell)
        if grade or solution or utils.is_locked(cell):
            mark = cell.metadata.nbgrader
            kind = {"cell_type": cell.cell_type}
            source = {"locked": utils.is_locked(cell), "source": cell.source, "checksum": mark.get("checksum")}
            wanted["SourceCell"][mark.grade_id] = kind | source
            if grade:
                wanted["GradeCell"][mark.grade_id] = kind | {"max_score": float(mark.points)}
            if solution:
                wanted["SolutionCell"][mark.grade_id] = {}
    return wanted


def _there(connection, notebook_id):
    """The same of what the database has, each with its id."""
    t = tables()
    found = {"GradeCell": graded(connection, notebook_id), "SolutionCell": {}, "SourceCell": {}}
    base, source = t["base_cell"], t["source_cell"]
    for row in connection.execute(base.select().where(base.c.notebook_id == notebook_id)):
        if row.type != "GradeCell":
            found.setdefault(row.type, {})[row.name] = {"id": row.id}
    for row in connection.execute(source.select().where(source.c.notebook_id == notebook_id)).mappings():
        found["SourceCell"][row["name"]] = row
    return found


def graded(connection, notebook_id):
    """The graded cells of a notebook: {name: id, max_score, cell_type}."""
    import sqlalchemy

    base, grade = tables()["base_cell"], tables()["grade_cells"]
    asked = sqlalchemy.select(base.c.name, grade).join(grade, base.c.id == grade.c.id)
    rows = connection.execute(asked.where(base.c.notebook_id == notebook_id)).mappings()
    return {row["name"]: row for row in rows}


def solutions(connection, notebook_id):
    """The cells of a notebook in which a student answers: {name: id}."""
    base = tables()["base_cell"]
    mine = (base.c.notebook_id == notebook_id) & (base.c.type == "SolutionCell")
    return {row.name: row.id for row in connection.execute(base.select().where(mine))}


def _write(connection, kind, notebook_id, name, values, old):
    """Insert a cell, or update it where it differs."""
    t = tables()
    own = {"GradeCell": "grade_cells", "SolutionCell": "solution_cells", "SourceCell": "source_cell"}[kind]
    if not old:
        row = {"id": uuid4().hex, "name": name, "notebook_id": notebook_id}
        if kind != "SourceCell":
            connection.execute(t["base_cell"].insert().values(type=kind, **row))
            row = {"id": row["id"]}
        connection.execute(t[own].insert().values(**row, **values))
    elif any(old[column] != value for column, value in values.items()):
        connection.execute(t[own].update().where(t[own].c.id == old["id"]).values(**values))


def _remove(connection, notebook_id):
    """Take a notebook without submissions out of the database."""
    t = tables()
    base = t["base_cell"]
    ids = [row.id for row in connection.execute(base.select().where(base.c.notebook_id == notebook_id))]
    for name in ("grade_cells", "solution_cells", "task_cells", "base_cell"):
        connection.execute(t[name].delete().where(t[name].c.id.in_(ids)))
    connection.execute(t["source_cell"].delete().where(t["source_cell"].c.notebook_id == notebook_id))
    connection.execute(t["notebook"].delete().where(t["notebook"].c.id == notebook_id))
