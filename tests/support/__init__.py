"""What several tests share: a tiny course, a class of students, typical mistakes, a misbehaving server."""
