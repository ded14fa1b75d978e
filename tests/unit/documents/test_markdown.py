from fom_core.documents.markdown import table


def test_a_table_has_a_head_a_rule_and_its_rows():
    assert table(["", "L1"], [["teacher", "0.05"], ["student", "0.06"]]) == (
        "|  | L1 |\n| --- | --- |\n| teacher | 0.05 |\n| student | 0.06 |"
    )
