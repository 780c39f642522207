alter policy mine on invoices using (owner = session_user);
